#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a checkpoint of twice the width that computes the same function.

    double_channels.py FOLDER OUT

Every channel of the residual, of q, k, v and of the hidden layer exists twice, and each weight that reads
a pair of equal channels is halved. With the shipped model (384 / 1536, heads of 32) this gives a model of
base size (768 / 3072, heads of 64) with answers that can be judged: its float logits are those of the
shipped model, so tests/golden/sst2_dev.tsv is its reference, too. Needs no package.
"""

import array
import json
import math
import os
import shutil
import struct
import sys


def read_tensors(path):
    """The tensors of a safetensors file as {name: (shape, array of floats)}."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        begin = file.tell()
        tensors = {}
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            first, end = tensor["data_offsets"]
            file.seek(begin + first)
            data = file.read(end - first)
            if tensor["dtype"] == "F32":
                values = array.array("f", data)
            elif tensor["dtype"] == "F16":
                values = array.array("f", struct.unpack(f"<{len(data) // 2}e", data))
            else:
                sys.exit(f"{path}: {name}: expected F32 or F16, found {tensor['dtype']}")
            tensors[name] = tensor["shape"], values
    return tensors


def write_tensors(path, tensors):
    """Write {name: (shape, array of floats)} in F32."""
    header, offset = {}, 0
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + 4 * len(values)]}
        offset += 4 * len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            file.write(values.tobytes())


def twice(values, block):
    """Repeat each block of so many elements."""
    out = array.array("f")
    for at in range(0, len(values), block):
        out += values[at:at + block] * 2
    return out


def double_linear(shape, values, rows, cols, factor):
    """Double a matrix (outputs, inputs): repeat each block of `rows` outputs and of `cols` inputs; 0 repeats
    none. Weights are multiplied by `factor`, and halved where their inputs are doubled."""
    outputs, inputs = shape
    if cols:
        values = twice(array.array("f", (0.5 * factor * x for x in values)), cols)
        inputs *= 2
    elif factor != 1:
        values = array.array("f", (factor * x for x in values))
    if rows:
        values = twice(values, rows * inputs)
        outputs *= 2
    return [outputs, inputs], values


def double_tensor(name, shape, values, head):
    """Double one tensor of a model whose heads are `head` wide."""
    short = name.rsplit(".", 2)[-2]
    dim = shape[-1]
    # Twice as many products in a score, which is divided by sqrt(2) times as much: q is scaled.
    factor = math.sqrt(0.5) if short == "q_lin" else 1
    if "embeddings" in name and len(shape) == 2:
        return [shape[0], 2 * dim], twice(values, dim)
    if len(shape) == 1:
        if short == "classifier":
            return shape, values
        block = head if short in ("q_lin", "k_lin", "v_lin") else dim
        return [2 * dim], twice(array.array("f", (factor * x for x in values)), block)
    if short in ("q_lin", "k_lin", "v_lin"):
        return double_linear(shape, values, head, dim, factor)
    if short == "out_lin":
        return double_linear(shape, values, shape[0], head, 1)
    if short == "classifier":
        return double_linear(shape, values, 0, dim, 1)
    return double_linear(shape, values, shape[0], dim, 1)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, out = sys.argv[1:]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    head = config["dim"] // config["n_heads"]
    if head != 32:
        sys.exit(f"{folder}: expected heads of 32 channels, which become heads of 64; found {head}")
    config["dim"] *= 2
    config["hidden_dim"] *= 2
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(folder):
        if name not in ("config.json", "model.safetensors") and name.endswith((".json", ".txt")):
            shutil.copyfile(os.path.join(folder, name), os.path.join(out, name))
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
    tensors = read_tensors(os.path.join(folder, "model.safetensors"))
    write_tensors(os.path.join(out, "model.safetensors"),
                  {name: double_tensor(name, shape, values, head)
                   for name, (shape, values) in tensors.items()})


if __name__ == "__main__":
    main()
