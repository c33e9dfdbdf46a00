#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares files that a generator has just written with those in the tree.

    compare_golden.py WRITTEN TREE [NAME ...]

Every file of the folder WRITTEN must be in TREE, and every file of TREE in WRITTEN, unless its path in
the folder begins with none of the names that are given. Numbers in JSON and in folders named logits,
and floats in safetensors and in arrays of numpy, may differ by TOLERANCE, because PyTorch rounds
differently on other CPUs and with other numbers of threads. All other bytes must be equal. Prints a
line for each difference, and exits with 1 if there is any.
"""

import json
import pathlib
import struct
import sys

TOLERANCE = 2e-4
HALF_TOLERANCE = 2e-3  # of floats with 16 bits


def is_same_value(a, b):
    """Compare two values of JSON."""
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(is_same_value(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(is_same_value, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= TOLERANCE * max(1, abs(a)) or a != a and b != b
    return type(a) is type(b) and a == b


def is_same_lines(a, b):
    a, b = a.decode().splitlines(), b.decode().splitlines()
    return len(a) == len(b) and all(
        x == y or is_same_value(json.loads(x), json.loads(y)) for x, y in zip(a, b))


def is_same_words(a, b):
    """Compare lines of numbers with spaces between them."""
    a, b = a.decode().splitlines(), b.decode().splitlines()
    return len(a) == len(b) and all(
        is_same_value(list(map(float, x.split())), list(map(float, y.split())))
        for x, y in zip(a, b))


def is_same_tensors(a, b):
    size, = struct.unpack("<Q", a[:8])
    if len(a) != len(b) or a[:8 + size] != b[:8 + size]:
        return False
    kinds = {tensor["dtype"] for name, tensor in json.loads(a[8:8 + size]).items()
             if name != "__metadata__"}
    if kinds != {"F32"}:
        return a == b
    x, y = (struct.iter_unpack("<f", part[8 + size:]) for part in (a, b))
    return all(is_same_value(p, q) for (p,), (q,) in zip(x, y))


def is_same_arrays(a, b):
    start = 10 + struct.unpack("<H", a[8:10])[0]
    if len(a) != len(b) or a[:start] != b[:start]:
        return False
    code, tolerance = ("e", HALF_TOLERANCE) if b"'<f2'" in a[:start] else ("f", TOLERANCE)
    x, y = (struct.iter_unpack("<" + code, part[start:]) for part in (a, b))
    return all(abs(p - q) <= tolerance * max(1, abs(p)) for (p,), (q,) in zip(x, y))


def is_same(path, a, b):
    if a == b:
        return True
    try:
        if path.suffix == ".jsonl":
            return is_same_lines(a, b)
        if path.suffix == ".json":
            return is_same_value(json.loads(a), json.loads(b))
        if path.suffix == ".npy":
            return is_same_arrays(a, b)
        if path.parent.name == "logits":
            return is_same_words(a, b)
        return path.suffix == ".safetensors" and is_same_tensors(a, b)
    except (ValueError, struct.error):
        return False


def files(folder, names):
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if not names or str(path).startswith(tuple(names))}


def main():
    written, tree = map(pathlib.Path, sys.argv[1:3])
    names = sys.argv[3:]
    ours, theirs = files(written, []), files(tree, names)
    wrong = [f"{path}: not in {tree}" for path in sorted(ours - theirs)]
    wrong += [f"{path}: the generator does not write it" for path in sorted(theirs - ours)]
    wrong += [f"{path}: differs" for path in sorted(ours & theirs)
              if not is_same(path, (written / path).read_bytes(), (tree / path).read_bytes())]
    print("\n".join(wrong) if wrong else f"{len(ours)} files are the same")
    return 1 if wrong or not ours else 0


if __name__ == "__main__":
    sys.exit(main())
