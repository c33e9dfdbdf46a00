# SPDX-License-Identifier: Apache-2.0
"""Time of whole programs from process start to the first label, and their peak memory until then.

The programs take turns. Their files are in the page cache, because a first run of each does not
count. CPU time is how long the program itself ran; on a quiet machine it equals the wall clock's
time.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Mapping, Sequence

from interleave import ENVIRONMENT

TEXT = "it 's a charming and often affecting journey . "


@dataclass(frozen=True)
class Start:
    wall_ms: float
    cpu_ms: float
    peak_mb: float


def _cpu_ms(process: Path) -> float:
    """CPU time of all threads of a process that is still running."""
    threads = (path.read_text(encoding="ascii") for path in process.glob("task/*/schedstat"))
    return sum(int(thread.split()[0]) for thread in threads) / 1e6


def _peak_mb(process: Path) -> float:
    status = (process / "status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def _run(command: Sequence[str]) -> Start:
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, text=True
    )
    with process:
        print(TEXT, file=process.stdin, flush=True)
        answer = process.stdout.readline()
        wall_ms = (time.perf_counter() - start) * 1e3
        if not answer:
            raise RuntimeError(f"{' '.join(command)}: no answer")
        folder = Path(f"/proc/{process.pid}")
        return Start(wall_ms, _cpu_ms(folder), _peak_mb(folder))


def measure(programs: Mapping[str, Sequence[str]], runs: int) -> dict[str, dict[str, Any]]:
    for command in programs.values():
        _run(command)
    results: dict[str, list[Start]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, command in programs.items():
            results[name].append(_run(command))
    return {
        name: {
            "median_ms": median(sample.wall_ms for sample in samples),
            "min_ms": min(sample.wall_ms for sample in samples),
            "cpu_ms": median(sample.cpu_ms for sample in samples),
            "peak_mb": max(sample.peak_mb for sample in samples),
            "runs": runs,
        }
        for name, samples in results.items()
    }
