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


BREAKAGES: dict[str, tuple[str, Callable[[Draft], None]]] = {}


def breaks(rule: str) -> Callable[[Callable[[Draft], None]], None]:
    def add(function: Callable[[Draft], None]) -> None:
        BREAKAGES[function.__name__] = (rule, function)

    return add


# ---- manifest ---------------------------------------------------------------------------------


@breaks("single-manifest")
def attestation_beside(image: Draft) -> None:
    image.index["manifests"].append(copy.deepcopy(image.index["manifests"][0]))


@breaks("single-manifest")
def manifest_list(image: Draft) -> None:
    image.manifest["mediaType"] = "application/vnd.oci.image.index.v1+json"


@breaks("media-types")
def zstd_layer(image: Draft) -> None:
    image.manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+zstd"


@breaks("media-types")
def uncompressed_layer(image: Draft) -> None:
    image.compress = lambda data: data


@breaks("media-types")
def mixed_types(image: Draft) -> None:
    image.manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"


@breaks("digests")
def altered_blob(image: Draft) -> None:
    def alter(out: Path) -> None:
        layer = image.manifest["layers"][1]["digest"].removeprefix("sha256:")
        with (out / "blobs/sha256" / layer).open("r+b") as blob:
            # Byte 9 of a gzip file names the operating system and does not affect unpacking.
            blob.seek(9)
            blob.write(b"\7")

    image.late.append(alter)


@breaks("digests")
def missing_blob(image: Draft) -> None:
    def remove(out: Path) -> None:
        layer = image.manifest["layers"][0]["digest"].removeprefix("sha256:")
        (out / "blobs/sha256" / layer).unlink()

    image.late.append(remove)


@breaks("digests")
def other_diff_id(image: Draft) -> None:
    image.diff_ids = ["sha256:" + "0" * 64]


@breaks("stray-blobs")
def stray_blob(image: Draft) -> None:
    image.late.append(lambda out: (out / "blobs/sha256" / ("0" * 64)).touch())


@breaks("manifest-size")
def large_manifest(image: Draft) -> None:
    image.manifest["annotations"] = {"note": "x" * 25_400}


# ---- configuration ----------------------------------------------------------------------------


@breaks("platform")
def other_platform(image: Draft) -> None:
    image.config["architecture"] = "arm64"


@breaks("history")
def no_history(image: Draft) -> None:
    del image.config["history"]


@breaks("history")
def short_history(image: Draft) -> None:
    image.config["history"][0]["empty_layer"] = True


@breaks("entrypoint")
def shell_form(image: Draft) -> None:
    image.settings["Entrypoint"] = ["/bin/sh", "-c", "/app/bootstrap"]


@breaks("entrypoint")
def relative_entrypoint(image: Draft) -> None:
    image.settings["Entrypoint"] = ["app/bootstrap"]


@breaks("entrypoint")
def symlinked_entrypoint(image: Draft) -> None:
    image.replace(PROGRAM, b"")
    image.entry(PROGRAM).type = tarfile.SYMTYPE
    image.entry(PROGRAM).linkname = "/app/program"


@breaks("entrypoint")
def command_too(image: Draft) -> None:
    image.settings["Cmd"] = ["handler"]


@breaks("working-directory")
def no_such_directory(image: Draft) -> None:
    image.settings["WorkingDir"] = "/srv"


@breaks("environment")
def secret_in_environment(image: Draft) -> None:
    image.settings["Env"].append("AWS_SECRET_ACCESS_KEY=none")


@breaks("environment")
def secret_of_the_function(image: Draft) -> None:
    image.settings["Env"].append("DISTIL_API_TOKEN=everybody-who-pulls-knows-it")


@breaks("environment")
def other_model_named(image: Draft) -> None:
    image.settings["Env"] = ["DISTIL_MODEL=/opt/model.distil"]


@breaks("labels")
def no_labels(image: Draft) -> None:
    del image.settings["Labels"]


@breaks("labels")
def unknown_revision(image: Draft) -> None:
    image.settings["Labels"]["org.opencontainers.image.revision"] = "unknown"


@breaks("model-hash")
def other_model_label(image: Draft) -> None:
    image.settings["Labels"]["distil.model.sha256"] = "0" * 64


# ---- files ------------------------------------------------------------------------------------


@breaks("layers")
def one_layer(image: Draft) -> None:
    image.layers = [image.layers[0] + image.layers[1][1:]]
    del image.config["history"][1], image.manifest["layers"][1]


@breaks("layers")
def three_layers(image: Draft) -> None:
    image.layers.append([])
    image.config["history"].append({"created_by": "nothing"})


@breaks("parents")
def missing_parent(image: Draft) -> None:
    image.layers[1] = [entry for entry in image.layers[1] if entry[0].name != "var"]


@breaks("parents")
def late_parent(image: Draft) -> None:
    image.layers[0].reverse()


@breaks("hard-links")
def hard_link(image: Draft) -> None:
    image.add("app/bootstrap2", type=tarfile.LNKTYPE, linkname=PROGRAM)


@breaks("file-types")
def device(image: Draft) -> None:
    image.add("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)


@breaks("file-types")
def symbolic_link(image: Draft) -> None:
    image.add("app/link", type=tarfile.SYMTYPE, linkname="bootstrap")


@breaks("file-types")
def whiteout(image: Draft) -> None:
    image.add("app/.wh.old")


@breaks("duplicates")
def hidden_model(image: Draft) -> None:
    image.add(MODEL, b"another")


@breaks("names")
def climbing_name(image: Draft) -> None:
    image.add("app/../../etc/passwd", b"root")


@breaks("owner")
def other_owner(image: Draft) -> None:
    image.entry(MODEL).uid = 993


@breaks("setuid")
def capable_program(image: Draft) -> None:
    headers = {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
    image.entry(PROGRAM).pax_headers = headers


@breaks("setuid")
def setuid_program(image: Draft) -> None:
    image.entry(PROGRAM).mode = 0o4755


@breaks("modes")
def private_model(image: Draft) -> None:
    image.entry(MODEL).mode = 0o600


@breaks("modes")
def writable_directory(image: Draft) -> None:
    image.entry("tmp").mode = 0o777


@breaks("reproducible")
def file_time(image: Draft) -> None:
    image.entry(PROGRAM).mtime = 1_700_000_000


@breaks("reproducible")
def gzip_time(image: Draft) -> None:
    image.gzip_time = 1_700_000_000


@breaks("expected-files")
def left_over(image: Draft) -> None:
    image.add("app/bootstrap.map", b"text")


@breaks("expected-files")
def no_mount_point(image: Draft) -> None:
    image.drop("proc")


@breaks("no-shell")
def shell(image: Draft) -> None:
    image.add("app/sh", b"\x7fELF", mode=0o755)


@breaks("no-shell")
def script(image: Draft) -> None:
    image.replace(PROGRAM, b"#!/app/interpreter\n")


@breaks("static-program")
def other_machine(image: Draft) -> None:
    program = bytearray(next(data for info, data in image.layers[1] if info.name == PROGRAM))
    program[18:20] = (183).to_bytes(2, "little")
    image.replace(PROGRAM, bytes(program))


@breaks("certificates")
def no_certificates(image: Draft) -> None:
    image.add("etc/ssl", type=tarfile.DIRTYPE, mode=0o755)
    image.add("etc/ssl/certs", type=tarfile.DIRTYPE, mode=0o755)
    image.add("etc/ssl/certs/ca-certificates.crt", b"none\n")


@breaks("size")
def too_large(image: Draft) -> None:
    content = bytes(80_000_001)
    image.replace(MODEL, content)
    image.settings["Labels"]["distil.model.sha256"] = hashlib.sha256(content).hexdigest()


# ---- programs: DISTIL_BREAK tells tests/image/stand_in.c how to misbehave -----------------------

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

    def _break(image: Draft, how: str = _how) -> None:
        image.settings["Env"].append(f"DISTIL_BREAK={how}")

    BREAKAGES[_how] = (_rule, _break)


@breaks("unpacks")
def layer_of_another_image(image: Draft) -> None:
    image.diff_ids = ["sha256:" + "0" * 64] * 2


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
