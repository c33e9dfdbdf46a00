#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the C reader of blobs (distil inspect, distil verify) with the independent one in Python.

    dump_blob_agree.py DISTIL BLOB... [--damage N]

For each BLOB, both readers must show the same content. Then N damaged copies of the first BLOB are
made by changing a few bytes, and both readers must accept the same ones. In two of three copies the
checksums are recomputed after the damage, so that the other checks decide.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
spec = importlib.util.spec_from_file_location("dump_blob",
                                              os.path.join(ROOT, "tools", "check", "dump_blob.py"))
dump_blob = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dump_blob)

passed = failed = 0


def check(condition, message):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"not ok {message}")


def differences(ours, theirs, path=""):
    """Yield the paths at which two JSON documents differ. Floats are compared as binary32."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs)):
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{path}[{i}]")
    elif isinstance(ours, float) and isinstance(theirs, float) and path.endswith("mean_range"):
        if abs(ours - theirs) > 0.0001:
            yield f"{path}: {ours} {theirs}"
    elif isinstance(ours, float) and isinstance(theirs, float):
        if struct.pack("<f", ours) != struct.pack("<f", theirs):
            yield f"{path}: {ours} {theirs}"
    elif ours != theirs:
        yield f"{path}: {ours!r} {theirs!r}"


def compare(distil, path):
    with open(path, "rb") as file:
        content = dump_blob.describe(file.read())
    shown = subprocess.run([distil, "inspect", "--json", path], capture_output=True, check=False)
    found = list(differences(content, json.loads(shown.stdout))) if shown.returncode == 0 else [
        shown.stderr.decode()]
    check(not found, f"{path}: inspect --json: {found[:5]}")
    verdict = subprocess.run([distil, "verify", path], capture_output=True, check=False)
    check(verdict.returncode == 0, f"{path}: verify: {verdict.stdout.decode()}")


def recompute_checksums(data):
    """Recompute all checksums, as far as the section table makes sense."""
    count = struct.unpack_from("<I", data, 24)[0]
    first = dump_blob.align(256 + 32 * count)
    if first > len(data):
        return
    for i in range(count):
        offset, size = struct.unpack_from("<QQ", data, 256 + 32 * i + 8)
        end = offset + dump_blob.align(size)
        if end <= len(data):
            crc = dump_blob.crc32c(bytes(data[offset:end]))
            struct.pack_into("<I", data, 256 + 32 * i + 24, crc)
    data[128:160] = bytes(32)
    data[252:256] = bytes(4)
    data[128:160] = hashlib.sha256(data).digest()
    struct.pack_into("<I", data, 252, dump_blob.crc32c(bytes(data[:252] + data[256:first])))


def damage(rng, data):
    """Change one or two bytes or a word; half of the changes are in the header and the tables."""
    at = rng.randrange(rng.choice([len(data), len(data), 8000, 1200]))
    kind = rng.randrange(5)
    if kind == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at] = rng.randrange(256)
    elif kind == 2:
        at = at // 4 * 4
        struct.pack_into("<I", data, at, rng.choice([0, 1, 0x7FC00000, 0x7F800000, 0x80000000,
                                                     0xFFFFFFFF, rng.randrange(1 << 16)]))
    elif kind == 3:
        other = rng.randrange(len(data))
        data[at], data[other] = data[other], data[at]
    else:
        data[at] = (data[at] + rng.choice([1, 255])) & 255


def is_accepted(data):
    try:
        dump_blob.describe(data)
        return True, "accepted"
    except dump_blob.Refused as refusal:
        return False, str(refusal)


def compare_damaged(distil, path, count):
    with open(path, "rb") as file:
        pristine = file.read()
    rng = random.Random(1)
    verdicts = [0, 0]
    with tempfile.NamedTemporaryFile() as file:
        for i in range(count):
            data = bytearray(pristine)
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                damage(rng, data)
            if i % 3 != 0:
                recompute_checksums(data)
            file.seek(0)
            file.write(data)
            file.flush()
            ours, why = is_accepted(bytes(data))
            run = subprocess.run([distil, "verify", file.name], capture_output=True, check=False)
            report = b"Sanitizer" in run.stderr or b"runtime error" in run.stderr
            agree = run.returncode == 0 if ours else 3 <= run.returncode <= 9
            check(agree and not report,
                  f"damaged copy {i}: dump_blob: {why}; verify {run.returncode}: "
                  f"{run.stdout.decode()[-300:]}{run.stderr.decode()[-300:]}")
            verdicts[ours] += 1
    check(min(verdicts) > 0, f"{verdicts[1]} damaged copies are accepted, {verdicts[0]} are not")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("distil")
    parser.add_argument("blobs", nargs="+")
    parser.add_argument("--damage", type=int, default=200)
    arguments = parser.parse_args()
    for path in arguments.blobs:
        compare(arguments.distil, path)
    compare_damaged(arguments.distil, arguments.blobs[0], arguments.damage)
    print(f"test_dump_blob: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
