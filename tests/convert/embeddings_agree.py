#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare `distil embed` with the vectors of the real libraries that tests/data/embeddings has.

    embeddings_agree.py DISTIL EMBEDDINGS SST2

Each folder of EMBEDDINGS is converted; SST2 is the blob of the shipped model. Two numbers are bound for
each folder, as BOUNDS says: the least cosine between a vector and the real one, and the greatest
difference of two elements as a share of the range of all elements of the folder. Both are the error
of 8-bit weights and activations: small models of large random weights err most.
"""

import array
import ast
import json
import math
import os
import subprocess
import sys
import tempfile

BOUNDS = {"": (0.99, 0.06), "sst2": (0.98, 0.05)}

passed = failed = 0


def check(condition, message):
    """Count a case."""
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"not ok {message}")


def half(bits):
    """The float that 16 bits stand for."""
    sign, exponent, fraction = bits >> 15, bits >> 10 & 31, bits & 1023
    value = fraction * 2.0**-24 if exponent == 0 else (1 + fraction / 1024) * 2.0 ** (exponent - 15)
    return -value if sign else value


def read_npy(path):
    """The rows of a file of numpy, of floats of 32 or 16 bits."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x93NUMPY\x01\x00", path
    end = 10 + data[8] + 256 * data[9]
    header = ast.literal_eval(data[10:end].decode())
    assert not header["fortran_order"] and end % 64 == 0, header
    code = {"<f4": "f", "<f2": "H"}[header["descr"]]
    flat = array.array(code, data[end:])
    rows, columns = header["shape"]
    assert len(flat) == rows * columns, header
    numbers = flat if code == "f" else [half(bits) for bits in flat]
    return [list(numbers[i * columns : (i + 1) * columns]) for i in range(rows)]


def run(*arguments):
    """Run a command and return its output, or None."""
    result = subprocess.run(arguments, capture_output=True, check=False)
    if result.returncode != 0:
        print(f"# {arguments}: {result.stderr.decode()}")
        return None
    return result.stdout


def cosine(a, b):
    length = math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b)) / length if length else float(a == b)


def compare(name, ours, real):
    """Compare all vectors of a folder, and say how far they differ."""
    least, most = BOUNDS.get(name, BOUNDS[""])
    check(len(ours) == len(real) and len(ours[0]) == len(real[0]), f"{name}: shape")
    span = max(map(max, real)) - min(map(min, real))
    worst, angle = 0.0, 1.0
    for i, (one, other) in enumerate(zip(ours, real)):
        error = max(abs(x - y) for x, y in zip(one, other)) / span
        similar = cosine(one, other)
        worst, angle = max(worst, error), min(angle, similar)
        check(error <= most and similar >= least,
              f"{name} text {i}: error {error:.4f} of the range, cosine {similar:.5f}")
    print(f"# {name}: least cosine {angle:.5f}, greatest error {worst:.4f} of the range")


def compare_folder(distil, folder, texts, directory):
    name = os.path.basename(folder)
    blob, npy = os.path.join(directory, "blob"), os.path.join(directory, "out.npy")
    if run(distil, "convert", folder, "-o", blob) is None:
        check(False, f"{name}: convert")
        return
    check(run(distil, "verify", blob) is not None, f"{name}: verify")
    check(run(distil, "embed", "-m", blob, "-f", texts, "-o", npy) is not None, f"{name}: embed")
    ours = read_npy(npy)
    compare(name, ours, read_npy(os.path.join(folder, "vectors.npy")))
    lines = (run(distil, "embed", "-m", blob, "-f", texts) or b"").splitlines()
    answers = [json.loads(line) for line in lines]
    with open(os.path.join(folder, "lengths.json"), encoding="utf-8") as file:
        lengths = json.load(file)
    check([answer["tokens"] for answer in answers] == lengths, f"{name}: tokens")
    check([list(array.array("f", answer["embedding"])) for answer in answers] == ours,
          f"{name}: JSON lines and array differ")
    longest = max(lengths)
    check(all(answer["tokens"] == longest for answer in answers if answer["truncated"]) and
          any(answer["truncated"] for answer in answers), f"{name}: truncated")


def main():
    distil, embeddings, sst2 = sys.argv[1:]
    texts = os.path.join(embeddings, "texts.txt")
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(os.listdir(embeddings)):
            folder = os.path.join(embeddings, name)
            if os.path.exists(os.path.join(folder, "vectors.npy")):
                compare_folder(distil, folder, texts, directory)
        for pooling in ("cls", "mean"):
            npy = os.path.join(directory, "sst2.npy")
            check(run(distil, "embed", "-m", sst2, "--pooling", pooling, "-f", texts, "-o", npy)
                  is not None, f"sst2 {pooling}")
            compare("sst2", read_npy(npy), read_npy(os.path.join(embeddings, f"sst2/{pooling}.npy")))
    print(f"test_embeddings: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
