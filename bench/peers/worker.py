# SPDX-License-Identifier: Apache-2.0
"""A process with one engine, which reads JSON requests and answers each with a line of JSON.

    worker.py ENGINE MODEL [LIBRARY ISA]
    worker.py BOUND CEILINGS LIBRARY MODEL ISA

  {"op": "info"}                                          -> version, threads of this process, ...
  {"op": "time", "ids": [...], "warmup": n, "repeat": m}  -> ns of each call, wall clock and CPU
  {"op": "logits", "texts": [[ids], ...]}                 -> the logits of each text

Between requests the process sleeps in read(), so that the engine whose turn it is has the core.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bound
import engines

STARTED = time.monotonic()
STATUS = "*/arch_status"


def _status(field: str) -> str:
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))


def _time(engine: engines.Engine, request: dict[str, Any]) -> dict[str, Any]:
    run = engine.bind(request["ids"])
    for _ in range(request["warmup"]):
        run()
    wall, cpu = [], []
    for _ in range(request["repeat"]):
        cpu_start = time.process_time_ns()
        wall_start = time.perf_counter_ns()
        run()
        wall_stop = time.perf_counter_ns()
        cpu_stop = time.process_time_ns()
        wall.append(wall_stop - wall_start)
        cpu.append(cpu_stop - cpu_start)
    return {"wall": wall, "cpu": cpu}


def _logits(engine: engines.Engine, request: dict[str, Any]) -> dict[str, Any]:
    answers = []
    for ids in request["texts"]:
        engine.bind(ids)()
        answers.append(engine.logits())
    return {"logits": answers}


def _avx512() -> bool | None:
    """Whether a thread of this process has used AVX-512 since STARTED, or None if unknown.

    The kernel gives the milliseconds since it last saw AVX-512 state in a thread, and -1 for never.
    A process inherits the time of its parent, hence the comparison with STARTED. On a CPU without
    AVX-512 the file is empty.
    """
    lines = [path.read_text(encoding="ascii") for path in Path("/proc/self/task").glob(STATUS)]
    ages = [int(line.split()[1]) for line in lines if line]
    since_start = (time.monotonic() - STARTED) * 1e3
    return any(0 <= age < since_start for age in ages) if ages else None


def _hidden() -> int:
    """How many questions for CPU features hide_cpuid.c has answered in this process."""
    try:
        return ctypes.CDLL(None).hide_cpuid_answers()
    except AttributeError:
        return 0


def _pages() -> dict[str, int]:
    """Bytes of this process in memory, and how many of them are in pages of 2 MB.

    Passes over few tokens are up to 9 % faster if the weights are in such pages, so figures of two
    runs compare only if this is alike.
    """
    huge = ("AnonHugePages", "FilePmdMapped", "ShmemPmdMapped")
    sums = {"resident": 0, "huge": 0}
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        field, _, rest = line.partition(":")
        if field == "Rss":
            sums["resident"] += int(rest.split()[0]) << 10
        elif field in huge:
            sums["huge"] += int(rest.split()[0]) << 10
    return sums


def _info(engine: engines.Engine, request: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": engine.version,
        "detail": engine.detail,
        "threads": int(_status("Threads")),
        "cpus": sorted(os.sched_getaffinity(0)),
        "hidden": _hidden(),
        "avx512": _avx512(),
        "pages": _pages(),
    }


def main() -> None:
    # Answers go to a copy of the original standard output, because the engines may print to theirs.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    load = bound.load if sys.argv[1] in bound.NAMES else engines.load
    engine = load(*sys.argv[1:])
    operations = {"info": _info, "time": _time, "logits": _logits}
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(operations[request["op"]](engine, request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
