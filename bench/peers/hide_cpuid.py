# SPDX-License-Identifier: Apache-2.0
"""Copy the peers' packages with every CPUID instruction replaced by a trap for hide_cpuid.c.

ONNX Runtime has no option for the instructions that it may use. Both peers execute CPUID
themselves, partly in constructors of their libraries. So this script patches the files: in each
instruction that objdump decodes as CPUID it replaces the first byte by 06, which is illegal in
64-bit code. It treats numpy, which they load, in the same way. A file without such an instruction
becomes a hard link to the original.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("numpy", "numpy.libs", "onnxruntime", "openvino")
CPUID, TRAP = b"\x0f\xa2", b"\x06\xa2"
LINE = re.compile(r"\s*([0-9a-f]+):\s+cpuid\s*")


def _objdump(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(["objdump", "-w", *arguments], stdout=subprocess.PIPE, text=True)


def _sections(library: Path) -> list[tuple[int, int, int]]:
    """Address, size and offset in the file of each section that holds code."""
    with _objdump("-h", str(library)) as dump:
        rows = [line.split() for line in dump.stdout if "CODE" in line]
    return [(int(row[3], 16), int(row[2], 16), int(row[5], 16)) for row in rows]


def _places(library: Path) -> list[int]:
    """The offsets of all CPUID instructions in the file."""
    with _objdump("-d", "--no-show-raw-insn", str(library)) as dump:
        found = [LINE.fullmatch(line) for line in dump.stdout if "cpuid" in line]
    addresses = [int(match[1], 16) for match in found if match]
    return [
        address - start + offset
        for start, size, offset in _sections(library)
        for address in addresses
        if start <= address < start + size
    ]


def _patch(library: Path) -> int:
    code = bytearray(library.read_bytes())
    places = _places(library) if CPUID in code else []
    for place in places:
        if code[place : place + 2] != CPUID:
            sys.exit(f"{library}: no CPUID at byte {place}, where objdump sees one")
        code[place : place + 2] = TRAP
    if places:
        mode = library.stat().st_mode
        # This removes one hard link. The original keeps its bytes under its other name.
        library.unlink()
        library.write_bytes(code)
        library.chmod(mode)
    return len(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("source", type=Path, help="site-packages of the environment")
    parser.add_argument("target", type=Path, help="folder to make")
    args = parser.parse_args()
    shutil.rmtree(args.target, ignore_errors=True)
    for package in PACKAGES:
        folder = args.target / package
        shutil.copytree(args.source / package, folder, copy_function=os.link)
        count = sum(_patch(path) for path in folder.rglob("*.so*"))
        print(f"{package}: {count} CPUID instructions")


if __name__ == "__main__":
    main()
