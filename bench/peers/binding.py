# SPDX-License-Identifier: Apache-2.0
"""What the Python package costs: against the command, and against ONNX Runtime with tokenizers.

    binding.py rows WHEEL DISTIL BLOB TEXTS [--rounds N]
    binding.py start WHEEL BLOB ONNX VOCAB [--rounds N]

`rows` classifies the lines of TEXTS by the command and by the package, on one thread each, in turns,
and compares rows for each second of CPU time, the start included. `start` compares the time from
the start of Python to the first answer with that of ONNX Runtime and tokenizers, in turns. The
package is unpacked from the wheel. Each prints the median of both, and the median and the range of
the ratio of neighbouring runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

TEXT = "it 's a charming and often affecting journey ."
PACKAGE_ROWS = """
import distil, sys
lines = open(sys.argv[2], encoding="utf-8").read().splitlines()
answer = distil.Model(sys.argv[1]).classify(lines)
for label, score in zip(answer.labels, answer.scores):
    print(label, "%.4f" % score)
"""
PACKAGE_START = """
import distil, sys
print(distil.Model(sys.argv[1])(sys.argv[2])[0]["label"])
"""
ONNX_START = """
import numpy, onnxruntime, sys, tokenizers
tokenizer = tokenizers.BertWordPieceTokenizer(sys.argv[3])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
ids = numpy.array([tokenizer.encode(sys.argv[2]).ids], numpy.int64)
print(("NEGATIVE", "POSITIVE")[int(session.run(None, {"ids": ids})[0][0].argmax())])
"""


@dataclass(frozen=True)
class Run:
    wall: float
    cpu: float
    output: str


def run(command: Sequence[str], folder: str, source: str | None = None) -> Run:
    environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as output, open(source or os.devnull, "rb") as file:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=file, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{command[0]}: status {process.returncode}")
        output.seek(0)
        return Run(wall, usage.ru_utime + usage.ru_stime, output.read().decode())


def compare(mine: Sequence[float], other: Sequence[float], names: tuple[str, str],
            unit: str) -> None:
    ratios = [a / b for a, b in zip(mine, other, strict=True)]
    print(f"{names[0]} {statistics.median(mine):.1f} {unit}, "
          f"{names[1]} {statistics.median(other):.1f} {unit}, "
          f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} .. {max(ratios):.3f}), "
          f"{len(ratios)} rounds")


def rows(folder: str, arguments: argparse.Namespace) -> None:
    command, blob, texts = arguments.files
    with open(texts, encoding="utf-8") as file:
        count = len(file.read().splitlines())
    mine, other = [], []
    for _ in range(arguments.rounds):
        a = run([sys.executable, "-c", PACKAGE_ROWS, blob, texts], folder)
        b = run([command, "classify", "-m", blob, "--threads", "1"], folder, texts)
        if [line.split()[0] for line in a.output.splitlines()] != [
                line.split()[0] for line in b.output.splitlines()]:
            raise SystemExit("the answers differ")
        mine.append(count / a.cpu)
        other.append(count / b.cpu)
    compare(mine, other, ("package", "command"), "rows/CPU-s")


def start(folder: str, arguments: argparse.Namespace) -> None:
    blob, onnx, vocabulary = arguments.files
    mine, other = [], []
    for i in range(arguments.rounds + 1):
        a = run([sys.executable, "-c", PACKAGE_START, blob, TEXT], folder)
        b = run([sys.executable, "-c", ONNX_START, onnx, TEXT, vocabulary], folder)
        if a.output != b.output:
            raise SystemExit(f"the answers differ: {a.output!r}, {b.output!r}")
        if i > 0:  # the first round only fills the page cache
            mine.append(1000 * a.wall)
            other.append(1000 * b.wall)
    compare(mine, other, ("package", "ONNX Runtime"), "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rows", "start"))
    parser.add_argument("wheel")
    parser.add_argument("files", nargs=3)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(arguments.wheel) as wheel:
            wheel.extractall(folder)
        {"rows": rows, "start": start}[arguments.what](folder, arguments)


if __name__ == "__main__":
    main()
