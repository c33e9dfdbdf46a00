# SPDX-License-Identifier: Apache-2.0
"""Compares this library with ONNX Runtime inside the same engines. run.sh prepares and runs this.

    compare.py OUT [--rounds N] [--rows N] [--doors NAMES]

Each job is a process tree of its own (doors.py). The figure is the rows for each second of CPU time
that the whole tree uses between "begin" and "end", so an engine's own work counts and loading does
not; for the command it is the whole run. Jobs of a round run one after the other, and every second
round in the opposite order. Memory is the greatest resident size of the process that computes.
Prints a table for docs/bulk.md: medians of all rounds, and the median of the ratios of each round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TICK = os.sysconf("SC_CLK_TCK")
LIBRARIES = ("distil", "onnx:8:sorted", "onnx:32:sorted", "onnx:1", "onnx:32")
# In engines the peer is measured at its best setting in Python and as most people run it.
IN_ENGINES = ("distil", "onnx:8:sorted", "onnx:32")


class Tree(threading.Thread):
    """Samples the CPU time and memory of a process and all below it. Processes that have ended keep
    what they had used at the last sample. A parent that ignores its children's end does not count
    their time, so getrusage would miss them."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.root, self.ticks, self.memory = pid, {}, {}
        self.ended = threading.Event()

    def sample(self) -> float:
        parents, ticks = {}, {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                fields = Path("/proc", name, "stat").read_text(errors="replace")
            except OSError:
                continue
            stat = fields.rpartition(")")[2].split()
            parents[int(name)] = int(stat[1])
            ticks[int(name)] = int(stat[11]) + int(stat[12]), int(stat[21]) * 4096
        new = {self.root}
        while new:
            for pid in new & set(ticks):
                self.ticks[pid] = max(ticks[pid][0], self.ticks.get(pid, 0))
                self.memory[pid] = max(ticks[pid][1], self.memory.get(pid, 0))
            new = {pid for pid, parent in parents.items() if parent in new}
        return sum(self.ticks.values()) / TICK

    def run(self) -> None:
        while not self.ended.wait(0.05):
            self.sample()


def run_job(door: str, library: str, out: str, texts: str) -> tuple[float, float, list[str]]:
    """CPU seconds, MiB and labels of a job."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{ROOT}/{out}/package",
                   "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with subprocess.Popen([sys.executable, str(HERE / "doors.py"), door, library, f"{ROOT}/{out}",
                           texts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.DEVNULL, env=environment) as process:
        tree = Tree(process.pid)
        tree.start()
        marks, labels = [], []
        for line in process.stdout:
            if line.startswith(("begin", "end")):
                marks.append(tree.sample())
            if line.startswith("end"):
                labels = json.loads(line[4:])
                break
        tree.ended.set()
        tree.join()
        memory = tree.memory.get(process.pid, 0)
        if door == "spark":  # the processes that compute are the forks of PySpark's daemon
            memory = max((size for pid, size in tree.memory.items() if is_worker(pid)), default=0)
        process.stdin.close()
    if len(marks) != 2:
        sys.exit(f"{door}, {library}: the job failed: run bench/engines/doors.py by hand")
    return marks[1] - marks[0], memory / 2**20, labels


def is_worker(pid: int) -> bool:
    try:
        return b"pyspark.daemon" in Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False


def run_command(texts: str) -> tuple[float, float, list[str]]:
    with open(texts, "rb") as file, tempfile.TemporaryFile() as output:
        process = subprocess.Popen([f"{ROOT}/build/distil", "classify", "--threads", "1", "-m",
                                    f"{ROOT}/build/sst2.distil"], stdin=file, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit("the command failed")
        output.seek(0)
        labels = [line.split()[0] for line in output.read().decode().splitlines()]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=3488)
    parser.add_argument("--doors", default="command python duckdb spark")
    arguments = parser.parse_args()
    lines = (ROOT / "tests/data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    sentences = [line.split("\t")[0] for line in lines]
    sentences = (sentences * (arguments.rows // len(sentences) + 1))[: arguments.rows]
    jobs = [(door, library) for door in arguments.doors.split() for library in
            {"command": ("distil",), "python": LIBRARIES}.get(door, IN_ENGINES)]
    speeds: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
    memory: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
    expected: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        texts = f"{folder}/texts"
        Path(texts).write_text("\n".join(sentences) + "\n", encoding="utf-8")
        for number in range(arguments.rounds):
            for job in jobs if number % 2 == 0 else reversed(jobs):
                begin = time.monotonic()
                seconds, mebibytes, labels = (run_command(texts) if job[0] == "command" else
                                              run_job(*job, arguments.out, texts))
                expected = expected or (labels if job[1] == "distil" else [])
                same = sum(a == b for a, b in zip(labels, expected))
                if len(labels) != len(sentences) or same < 0.97 * len(expected):
                    sys.exit(f"{job}: {len(labels)} labels, {same} as expected")
                speeds[job].append(len(labels) / seconds)
                memory[job].append(mebibytes)
                print(f"round {number + 1}, {job[0]}, {job[1]}: {speeds[job][-1]:.0f} rows/CPU-s, "
                      f"{mebibytes:.0f} MiB, {time.monotonic() - begin:.1f} s", file=sys.stderr)
    print("| engine | library | rows/CPU-s | distil is | MiB | of distil's |")
    print("|---|---|---:|---:|---:|---:|")
    for job in jobs:
        mine = (job[0], "distil")
        ratio = statistics.median(a / b for a, b in zip(speeds[mine], speeds[job]))
        share = statistics.median(memory[mine]) / statistics.median(memory[job])
        print(f"| {job[0]} | {job[1]} | {statistics.median(speeds[job]):.0f} | {ratio:.2f} x | "
              f"{statistics.median(memory[job]):.0f} | {share:.2f} |")


if __name__ == "__main__":
    main()
