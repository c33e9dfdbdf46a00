# SPDX-License-Identifier: Apache-2.0
"""Check the documents of an image against their standards and against the image itself.

    validate.py LAYOUT

The script then damages each document in several ways and expects a complaint each time, which
proves that the validators work. Exit status: 0 if the documents are valid and true and every damage
was noticed; 1 if not, with the reasons; 77 if the validators, the Python packages
cyclonedx-python-lib[json-validation] and in-toto-attestation, are not installed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from fuzz_check_image import load_check_image

try:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement
except ImportError as error:
    print(f"skip validators: {error}")
    sys.exit(77)


def files_of(layout: Path) -> dict[str, str]:
    """The SHA-256 of every file in the image, and of its manifest under the key 'manifest'."""
    image = load_check_image().read_image(layout)
    contents = {entry.path: entry.content for entry in image.entries if entry.content is not None}
    contents["manifest"] = image.manifest_bytes
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def check_sbom(text: str, files: dict[str, str]) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, f"bill of materials: {str(problem)[:300]}"
    document = json.loads(text)
    image = document["metadata"]["component"]
    assert image["hashes"][0]["content"] == files["manifest"], "bill of materials: another image"
    components = {part["bom-ref"]: part for part in document["components"]}
    for reference, path in (("program", "app/bootstrap"), ("model", "app/model.distil")):
        found = components[reference]["hashes"][0]["content"]
        assert found == files[path], f"bill of materials: {path} has hash {found}"
    names = {part["name"] for part in document["components"]}
    assert "glibc" in names or any(name.startswith("libc") for name in names), f"no libc in {names}"


def check_provenance(text: str, files: dict[str, str]) -> None:
    document = json.loads(text)
    subjects = [
        ResourceDescriptor(name=subject["name"], digest=subject["digest"])
        for subject in document["subject"]
    ]
    Statement(
        [subject.pb for subject in subjects], document["predicateType"], document["predicate"]
    ).validate()
    assert document["_type"] == "https://in-toto.io/Statement/v1", document["_type"]
    assert document["predicateType"] == "https://slsa.dev/provenance/v1", document["predicateType"]
    # ParseDict fails if the predicate has members that the standard does not define.
    json_format.ParseDict(document["predicate"], provenance_pb2.Provenance())
    expected = [files["manifest"], files["app/bootstrap"], files["app/model.distil"]]
    found = [subject["digest"]["sha256"] for subject in document["subject"]]
    assert found == expected, f"provenance: subjects {found}, image {expected}"


def check_card(text: str, files: dict[str, str]) -> None:
    assert f"| `{files['app/model.distil']}` |" in text, "the model card names another model"


CHECKS: dict[str, Callable[[str, dict[str, str]], None]] = {
    "sbom.json": check_sbom,
    "provenance.json": check_provenance,
    "model-card.md": check_card,
}
# The damages to each document: a text and its replacement.
DAMAGES = {
    "sbom.json": [
        ('"hashes"', '"hashs"'),
        ('"content": "', '"content": "g'),
        ('"name": "glibc"', '"name": "other"'),
        ('"specVersion"', '"version_of_it"'),
        ('"application"', '"applications"'),
    ],
    "provenance.json": [
        ("resolvedDependencies", "dependencies"),
        ('"sha256": "', '"sha256": "0'),
        ("Statement", "Thing"),
        ("slsa.dev", "slsa.example"),
    ],
    "model-card.md": [("file | `", "file | `0")],
}


def complaint(kind: str, text: str, files: dict[str, str]) -> str:
    try:
        CHECKS[kind](text, files)
    except (AssertionError, ValueError, LookupError, json_format.ParseError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> int:
    layout = Path(sys.argv[1])
    files = files_of(layout)
    found = []
    for kind in CHECKS:
        text = Path(f"{layout}.{kind}").read_text(encoding="utf-8")
        if why := complaint(kind, text, files):
            found.append(f"{layout}.{kind}: {why}")
            continue
        for old, new in DAMAGES[kind]:
            damaged = text.replace(old, new)
            if damaged == text or not complaint(kind, damaged, files):
                found.append(f"{layout}.{kind}: accepted with {new} for {old}")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
