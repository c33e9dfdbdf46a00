# SPDX-License-Identifier: Apache-2.0
"""Fuzz check_image: it must judge or refuse every damaged image, and never raise another exception.

    fuzz_check_image.py LAYOUT [COUNT [SEED]]

Starting from a good image, the script replaces values in its documents by values of any type, drops
members and changes bytes of layers. If check_image raises anything but NoImage, the script prints
the traceback and the seed and ends with status 1.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import random
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

CHECK_IMAGE = Path(__file__).resolve().parents[2] / "tools/image/check_image"
VALUES: list[Any] = [None, True, -1, 1e300, "", "x", "sha256:", "/", [], {}, [None], {"a": 1}, [[]]]


def load_check_image() -> Any:
    """Import the script as a module, which needs a loader because its name has no suffix."""
    loader = importlib.machinery.SourceFileLoader("check_image", str(CHECK_IMAGE))
    spec = importlib.util.spec_from_loader("check_image", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_image"] = module
    loader.exec_module(module)
    return module


def mutate(value: Any, rng: random.Random) -> Any:
    """The document with one random value replaced or removed."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        if rng.random() < 0.15:
            del value[key]
        else:
            value[key] = mutate(value[key], rng)
        return value
    return rng.choice(VALUES)


def damaged(store: dict[str, bytes], rng: random.Random, out: Path) -> None:
    """Write a layout with a damaged document or layer; most digests are then made consistent."""
    blobs = {name.rpartition("/")[2]: data for name, data in store.items() if "/" in name}
    index = json.loads(store["index.json"])
    manifest = json.loads(blobs[index["manifests"][0]["digest"][7:]])
    config = json.loads(blobs[manifest["config"]["digest"][7:]])
    layers = [blobs[layer["digest"][7:]] for layer in manifest["layers"]]

    def described(data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (out / "blobs/sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    (out / "blobs/sha256").mkdir(parents=True)
    what = rng.choice(("config", "manifest", "index", "layer", "tar", "bytes"))
    if what == "config":
        config = mutate(config, rng)
    if what in ("layer", "tar"):
        number = rng.randrange(len(layers))
        layer = bytearray(gzip.decompress(layers[number]) if what == "tar" else layers[number])
        for _ in range(rng.randrange(1, 8)):
            layer[rng.randrange(min(len(layer), 4096))] = rng.randrange(256)
        layers[number] = gzip.compress(layer, 1) if what == "tar" else bytes(layer)
    for descriptor, layer in zip(manifest["layers"], layers):
        descriptor.update(described(layer))
    manifest["config"].update(described(json.dumps(config).encode()))
    if what == "manifest":
        manifest = mutate(manifest, rng)
    index["manifests"][0].update(described(json.dumps(manifest).encode()))
    if what == "index":
        index = mutate(index, rng)
    text = json.dumps(index)
    if what == "bytes":
        text = text[: rng.randrange(len(text))] + rng.choice(["", "}", "\0", "é", "[" * 2000])
    (out / "index.json").write_text(text, encoding="utf-8")
    (out / "oci-layout").write_text("{}", encoding="utf-8")


def main() -> int:
    layout = Path(sys.argv[1])
    count, seed = (int(word) for word in (sys.argv[2:] + ["200", "1"][len(sys.argv) - 2 :]))
    check_image = load_check_image()
    store = check_image.read_store(layout)
    refused = judged = 0
    for number in range(seed, seed + count):
        folder = Path(tempfile.mkdtemp())
        try:
            damaged(store, random.Random(number), folder)
            with contextlib.redirect_stdout(io.StringIO()):
                report = check_image.Report()
                check_image.judge(check_image.read_image(folder), report)
            judged += 1
        except check_image.NoImage:
            refused += 1
        except Exception:  # every other exception is a defect of check_image
            traceback.print_exc()
            print(f"seed {number}")
            return 1
        finally:
            shutil.rmtree(folder)
    print(f"{judged} judged, {refused} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
