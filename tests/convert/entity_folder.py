# SPDX-License-Identifier: Apache-2.0
"""Builds a Hugging Face folder of a token classifier: the encoder of model/sst2 with the head of
tests/data/entities. It needs no package."""

import json
import pathlib
import shutil
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "tests/data/entities"
ENCODER = ROOT / "model/sst2"


def read_tensors(path):
    """The header of a safetensors file without metadata, and the bytes after it."""
    with open(path, "rb") as file:
        size, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        return header, file.read()


def write_tensors(path, tensors):
    """Write tensors given as name: (type, shape, bytes)."""
    header, at = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(data for _, _, data in tensors.values())


def tensors_of(path):
    header, data = read_tensors(path)
    return {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])])
            for name, t in header.items()}


def write_folder(directory, data=DATA):
    """Write the folder; `data` has the head (head.safetensors) and its labels (labels.json)."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("vocab.txt", "special_tokens_map.json", "tokenizer_config.json"):
        shutil.copy(ENCODER / name, directory / name)
    labels = json.loads((pathlib.Path(data) / "labels.json").read_text())
    config = json.loads((ENCODER / "config.json").read_text())
    config["architectures"] = ["DistilBertForTokenClassification"]
    config["id2label"] = {str(i): label for i, label in enumerate(labels)}
    config["label2id"] = {label: i for i, label in enumerate(labels)}
    (directory / "config.json").write_text(json.dumps(config, indent=2))
    encoder = tensors_of(ENCODER / "model.safetensors")
    encoder = {name: t for name, t in encoder.items() if name.startswith("distilbert.")}
    head = tensors_of(pathlib.Path(data) / "head.safetensors")
    write_tensors(directory / "model.safetensors", {**encoder, **head})
