# SPDX-License-Identifier: Apache-2.0
"""Make images that each break one rule of tools/image/check_image, from an image that breaks none.

    break_image.py --list
    break_image.py LAYOUT OUT

--list prints a line for each broken image: its name and the rule that must refuse it. The second
form writes each one to OUT/NAME, and an unbroken copy to OUT/none, as layout directories. All
digests, sizes and diff_ids are consistent unless they are what is broken.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = "app/bootstrap"
MODEL = "app/model.distil"
RECORDS = "var/lib/dpkg/status.d"


class Draft:
    """An image as lists and dictionaries that a test can change and then write."""

    def __init__(self, layout: Path) -> None:
        blobs = layout / "blobs/sha256"
        self.index = json.loads((layout / "index.json").read_bytes())
        self.manifest = json.loads(self._blob(blobs, self.index["manifests"][0]))
        self.config = json.loads(self._blob(blobs, self.manifest["config"]))
        self.layers: list[list[tuple[tarfile.TarInfo, bytes]]] = []
        for descriptor in self.manifest["layers"]:
            data = gzip.decompress(self._blob(blobs, descriptor))
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                self.layers.append([
                    (member, archive.extractfile(member).read() if member.isfile() else b"")
                    for member in archive
                ])  # fmt: skip
        self.gzip_time = 0
        self.compress: Callable[[bytes], bytes] = lambda data: gzip.compress(
            data, 1, mtime=self.gzip_time
        )
        # If not empty, these replace the correct diff_ids.
        self.diff_ids: list[str] = []
        # Changes that are applied to the layout after it has been written.
        self.late: list[Callable[[Path], None]] = []

    @staticmethod
    def _blob(blobs: Path, descriptor: dict[str, Any]) -> bytes:
        return (blobs / descriptor["digest"].removeprefix("sha256:")).read_bytes()

    @property
    def settings(self) -> dict[str, Any]:
        return self.config["config"]

    def entry(self, path: str) -> tarfile.TarInfo:
        return next(t for layer in self.layers for t, _ in layer if t.name.rstrip("/") == path)

    def change(self, path: str, **fields: Any) -> None:
        """Change fields of the tar entry at this path."""
        for name, value in fields.items():
            setattr(self.entry(path), name, value)

    def add(self, path: str, content: bytes = b"", layer: int = -1, **fields: Any) -> None:
        info = tarfile.TarInfo(path)
        info.mode, info.size = 0o644, len(content)
        for name, value in fields.items():
            setattr(info, name, value)
        self.layers[layer].append((info, content))

    def drop(self, path: str) -> None:
        self.layers = [[e for e in layer if e[0].name.rstrip("/") != path] for layer in self.layers]

    def replace(self, path: str, content: bytes) -> None:
        self.layers = [
            [(info, content if info.name == path else data) for info, data in layer]
            for layer in self.layers
        ]
        self.entry(path).size = len(content)

    def write(self, out: Path) -> None:
        blobs = out / "blobs/sha256"
        blobs.mkdir(parents=True)

        def keep(data: bytes) -> dict[str, Any]:
            digest = hashlib.sha256(data).hexdigest()
            (blobs / digest).write_bytes(data)
            return {"digest": f"sha256:{digest}", "size": len(data)}

        types = [descriptor["mediaType"] for descriptor in self.manifest["layers"]]
        types += types[:1] * (len(self.layers) - len(types))
        diff_ids, descriptors = [], []
        for kind, layer in zip(types, self.layers):
            plain = io.BytesIO()
            extended = any(info.pax_headers for info, _ in layer)
            kind_of_tar = tarfile.PAX_FORMAT if extended else tarfile.USTAR_FORMAT
            with tarfile.open(fileobj=plain, mode="w", format=kind_of_tar) as archive:
                for info, data in layer:
                    archive.addfile(info, io.BytesIO(data) if info.isfile() else None)
            diff_ids.append("sha256:" + hashlib.sha256(plain.getvalue()).hexdigest())
            descriptors.append({"mediaType": kind, **keep(self.compress(plain.getvalue()))})
        self.config["rootfs"]["diff_ids"] = self.diff_ids or diff_ids
        self.manifest["layers"] = descriptors
        self.manifest["config"].update(keep(json.dumps(self.config).encode()))
        self.index["manifests"][0].update(keep(json.dumps(self.manifest).encode()))
        (out / "index.json").write_text(json.dumps(self.index), encoding="utf-8")
        (out / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', encoding="utf-8")
        for change in self.late:
            change(out)


def change_written_blob(image: Draft, layer: int, change: Callable[[Path], Any]) -> None:
    """Apply a change to the blob of a layer after the layout has been written."""

    def apply(out: Path) -> None:
        digest = image.manifest["layers"][layer]["digest"].removeprefix("sha256:")
        change(out / "blobs/sha256" / digest)

    image.late.append(apply)


def alter_gzip_header(blob: Path) -> None:
    """Change byte 9, which names the operating system and does not affect unpacking."""
    content = bytearray(blob.read_bytes())
    content[9] = 7
    blob.write_bytes(content)


def link_entrypoint(image: Draft) -> None:
    image.replace(PROGRAM, b"")
    image.change(PROGRAM, type=tarfile.SYMTYPE, linkname="/app/program")


def merge_layers(image: Draft) -> None:
    image.layers = [image.layers[0] + image.layers[1][1:]]
    del image.config["history"][1], image.manifest["layers"][1]


def add_layer(image: Draft) -> None:
    image.layers.append([])
    image.config["history"].append({"created_by": "nothing"})


def name_other_machine(image: Draft) -> None:
    program = bytearray(next(data for info, data in image.layers[1] if info.name == PROGRAM))
    program[18:20] = (183).to_bytes(2, "little")
    image.replace(PROGRAM, bytes(program))


def add_bad_certificates(image: Draft) -> None:
    image.replace("etc/ssl/certs/ca-certificates.crt", b"none\n")


def remove_tls(image: Draft) -> None:
    program = next(data for info, data in image.layers[1] if info.name == PROGRAM)
    image.replace(PROGRAM, program.replace(b"OPENSSL_init_ssl", b"OPENSSL_exit_ssl"))


def change_record(image: Draft, package: str, change: Callable[[bytes], bytes]) -> None:
    path = f"{RECORDS}/{package}"
    record = next(data for info, data in image.layers[1] if info.name == path)
    image.replace(path, change(record))


def link_old_openssl(image: Draft, version: bytes) -> None:
    record = (
        b"Package: libssl3\nSource: openssl\nVersion: %s\n" % version
    )
    change_record(image, "libssl3", lambda _: record)


def enlarge_model(image: Draft) -> None:
    content = bytes(80_000_001)
    image.replace(MODEL, content)
    image.settings["Labels"]["distil.model.sha256"] = hashlib.sha256(content).hexdigest()


OCI = "application/vnd.oci.image."
REVISION = "org.opencontainers.image.revision"
CAPABILITY = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
# Each broken image: its name, the rule that must refuse it, and the change that breaks it.
BREAKAGES: dict[str, tuple[str, Callable[[Draft], Any]]] = {
    # ---- manifest
    "attestation_beside": ("single-manifest", lambda i: i.index["manifests"].append(
        copy.deepcopy(i.index["manifests"][0]))),
    "manifest_list": ("single-manifest", lambda i: i.manifest.update(
        mediaType=OCI + "index.v1+json")),
    "zstd_layer": ("media-types", lambda i: i.manifest["layers"][0].update(
        mediaType=OCI + "layer.v1.tar+zstd")),
    "uncompressed_layer": ("media-types", lambda i: setattr(i, "compress", lambda data: data)),
    "mixed_types": ("media-types", lambda i: i.manifest["config"].update(
        mediaType="application/vnd.docker.container.image.v1+json")),
    "altered_blob": ("digests", lambda i: change_written_blob(i, 1, alter_gzip_header)),
    "missing_blob": ("digests", lambda i: change_written_blob(i, 0, Path.unlink)),
    "other_diff_id": ("digests", lambda i: i.diff_ids.append("sha256:" + "0" * 64)),
    "stray_blob": ("stray-blobs", lambda i: i.late.append(
        lambda out: (out / "blobs/sha256" / ("0" * 64)).touch())),
    "large_manifest": ("manifest-size", lambda i: i.manifest.update(
        annotations={"note": "x" * 25_400})),
    # ---- configuration
    "other_platform": ("platform", lambda i: i.config.update(architecture="arm64")),
    "no_history": ("history", lambda i: i.config.pop("history")),
    "short_history": ("history", lambda i: i.config["history"][0].update(empty_layer=True)),
    "shell_form": ("entrypoint", lambda i: i.settings.update(
        Entrypoint=["/bin/sh", "-c", "/app/bootstrap"])),
    "relative_entrypoint": ("entrypoint", lambda i: i.settings.update(
        Entrypoint=["app/bootstrap"])),
    "symlinked_entrypoint": ("entrypoint", link_entrypoint),
    "command_too": ("entrypoint", lambda i: i.settings.update(Cmd=["handler"])),
    "no_such_directory": ("working-directory", lambda i: i.settings.update(WorkingDir="/srv")),
    "secret_in_environment": ("environment", lambda i: i.settings["Env"].append(
        "AWS_SECRET_ACCESS_KEY=none")),
    "secret_of_the_function": ("environment", lambda i: i.settings["Env"].append(
        "DISTIL_API_TOKEN=everybody-who-pulls-knows-it")),
    "other_model_named": ("environment", lambda i: i.settings.update(
        Env=["DISTIL_MODEL=/opt/model.distil"])),
    "no_labels": ("labels", lambda i: i.settings.pop("Labels")),
    "unknown_revision": ("labels", lambda i: i.settings["Labels"].update({REVISION: "unknown"})),
    "other_model_label": ("model-hash", lambda i: i.settings["Labels"].update(
        {"distil.model.sha256": "0" * 64})),
    # ---- files
    "one_layer": ("layers", merge_layers),
    "three_layers": ("layers", add_layer),
    "missing_parent": ("parents", lambda i: i.drop("var")),
    "late_parent": ("parents", lambda i: i.layers[0].reverse()),
    "hard_link": ("hard-links", lambda i: i.add(
        "app/bootstrap2", type=tarfile.LNKTYPE, linkname=PROGRAM)),
    "device": ("file-types", lambda i: i.add(
        "dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "symbolic_link": ("file-types", lambda i: i.add(
        "app/link", type=tarfile.SYMTYPE, linkname="bootstrap")),
    "whiteout": ("file-types", lambda i: i.add("app/.wh.old")),
    "hidden_model": ("duplicates", lambda i: i.add(MODEL, b"another")),
    "climbing_name": ("names", lambda i: i.add("app/../../etc/passwd", b"root")),
    "other_owner": ("owner", lambda i: i.change(MODEL, uid=993)),
    "capable_program": ("setuid", lambda i: i.change(PROGRAM, pax_headers=CAPABILITY)),
    "setuid_program": ("setuid", lambda i: i.change(PROGRAM, mode=0o4755)),
    "private_model": ("modes", lambda i: i.change(MODEL, mode=0o600)),
    "writable_directory": ("modes", lambda i: i.change("tmp", mode=0o777)),
    "file_time": ("reproducible", lambda i: i.change(PROGRAM, mtime=1_700_000_000)),
    "gzip_time": ("reproducible", lambda i: setattr(i, "gzip_time", 1_700_000_000)),
    "left_over": ("expected-files", lambda i: i.add("app/bootstrap.map", b"text")),
    "no_mount_point": ("expected-files", lambda i: i.drop("proc")),
    "shell": ("no-shell", lambda i: i.add("app/sh", b"\x7fELF", mode=0o755)),
    "script": ("no-shell", lambda i: i.replace(PROGRAM, b"#!/app/interpreter\n")),
    "other_machine": ("static-program", name_other_machine),
    "no_tls": ("tls", remove_tls),
    "no_roots": ("tls", lambda i: i.drop("etc/ssl/certs/ca-certificates.crt")),
    "no_distribution": ("packages", lambda i: i.drop("etc/os-release")),
    "libc_not_listed": ("packages", lambda i: i.drop(f"{RECORDS}/libc6")),
    "openssl_not_listed": ("packages", lambda i: i.drop(f"{RECORDS}/libssl3")),
    "record_of_nothing": ("packages", lambda i: change_record(i, "libc6", lambda _: b"none\n")),
    "older_openssl": ("openssl-pin", lambda i: link_old_openssl(i, b"3.0.9-1")),
    "openssl_before_release": ("openssl-pin", lambda i: link_old_openssl(i, b"3.0.22~rc1-9")),
    "no_certificates": ("certificates", add_bad_certificates),
    "too_large": ("size", enlarge_model),
    "layer_of_another_image": ("unpacks", lambda i: i.diff_ids.extend(["sha256:" + "0" * 64] * 2)),
}  # fmt: skip
# DISTIL_BREAK tells tests/image/stand_in.c how to misbehave.
for _how, _rule in {
    "exits": "answers",
    "fails-to-start": "answers",
    "hangs": "answers",
    "leaves": "answers",
    "answers-500": "answers",
    "answers-another": "answers",
    "answers-text": "answers",
    "writes": "read-only",
    "needs-root": "unprivileged",
    "needs-known-user": "any-user",
    "eats-128-mb": "memory",
    "eats-32-mb": "memory",
    "stores-nothing": "store",
}.items():
    BREAKAGES[_how] = (
        _rule,
        lambda i, how=_how: i.settings["Env"].append(f"DISTIL_BREAK={how}"),
    )


def main() -> int:
    if sys.argv[1:] == ["--list"]:
        for name, (rule, _) in BREAKAGES.items():
            print(name, rule)
        return 0
    layout, out = map(Path, sys.argv[1:])
    Draft(layout).write(out / "none")
    for name, (_, change) in BREAKAGES.items():
        image = Draft(layout)
        change(image)
        image.write(out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
