# SPDX-License-Identifier: Apache-2.0
"""Latency of several engines on one core, interleaved.

A round times every engine twice, in blocks, in the order A B C C B A, so that a drift of the
machine's speed affects all alike. A block begins with untimed calls, because the engine before it
has filled the caches, and then times calls one by one. The value of a block is the median of its
calls, and the value of an engine in a round is the mean of its two blocks. A round's ratio is the
quotient of two such values.

A round is quiet if two conditions hold. No other process had the core: in each block the wall clock
advanced at most 2 % more than the CPU time. And the core ran at full speed: a fixed piece of work
before and after the round took at most 5 % longer than in the best round. The second condition
detects what another guest on the same physical core takes away.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Mapping, Sequence

HERE = Path(__file__).parent

# No engine needs more than one thread, and numpy must not start any.
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}

MIN_CALLS, MAX_CALLS = 3, 200  # Least and most timed calls of a block.
WARM_UP_CALLS = 2
QUIET_STOLEN = 1.02
QUIET_SPEED = 1.05
PROBE_STEPS = 40_000


class Worker:
    """A process that runs one engine."""

    def __init__(
        self, engine: str, arguments: Sequence[str], environment: Mapping[str, str] = ENVIRONMENT
    ) -> None:
        self.engine = engine
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), engine, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        print(json.dumps({"op": op, **request}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.engine}: ended with status {self._process.wait()}")
        return json.loads(line)


@dataclass
class Block:
    samples: list[int]  # nanoseconds by the chosen clock
    stolen: float  # wall clock divided by CPU time


@dataclass
class Round:
    speed: float  # time of the fixed piece of work, the longer of before and after
    blocks: dict[str, list[Block]] = field(default_factory=dict)

    def value(self, engine: str) -> float:
        values = [median(block.samples) for block in self.blocks[engine]]
        return sum(values) / len(values)

    def stolen(self) -> float:
        return max(block.stolen for blocks in self.blocks.values() for block in blocks)


def _speed_probe() -> float:
    """Seconds for a fixed piece of work on this core, the least of three attempts."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        sum(range(PROBE_STEPS))
        times.append(time.perf_counter() - start)
    return min(times)


def _calls(worker: Worker, ids: Sequence[int], block_ms: float) -> int:
    answer = worker.ask("time", ids=ids, warmup=WARM_UP_CALLS, repeat=MIN_CALLS)
    calls = round(block_ms * 1e6 / min(answer["wall"]))
    return max(MIN_CALLS, min(MAX_CALLS, calls))


def _block(worker: Worker, ids: Sequence[int], calls: int, clock: str) -> Block:
    answer = worker.ask("time", ids=ids, warmup=WARM_UP_CALLS, repeat=calls)
    return Block(answer[clock], sum(answer["wall"]) / sum(answer["cpu"]))


def measure(
    workers: Sequence[Worker], inputs: Sequence[Sequence[int]], block_ms: float, clock: str
) -> list[Round]:
    """One round for each input, with blocks of about block_ms."""
    calls = {worker.engine: _calls(worker, inputs[0], block_ms) for worker in workers}
    rounds = []
    for ids in inputs:
        current = Round(_speed_probe())
        for worker in (*workers, *reversed(workers)):
            block = _block(worker, ids, calls[worker.engine], clock)
            current.blocks.setdefault(worker.engine, []).append(block)
        current.speed = max(current.speed, _speed_probe())
        rounds.append(current)
    return rounds


def _quiet(rounds: Sequence[Round]) -> list[Round]:
    best = min(current.speed for current in rounds)
    return [
        current
        for current in rounds
        if current.stolen() <= QUIET_STOLEN and current.speed <= QUIET_SPEED * best
    ]


def _milliseconds(rounds: Sequence[Round], quiet: Sequence[Round], engine: str) -> dict[str, Any]:
    samples = [
        sample for current in rounds for block in current.blocks[engine] for sample in block.samples
    ]
    return {
        "median": median(current.value(engine) for current in rounds) / 1e6,
        "min": min(samples) / 1e6,
        "quiet": median(current.value(engine) for current in quiet) / 1e6 if quiet else None,
        "calls": len(samples),
    }


def _ratio(rounds: Sequence[Round], quiet: Sequence[Round], ours: str, peer: str) -> dict[str, Any]:
    def paired(selected: Sequence[Round]) -> list[float]:
        return sorted(current.value(ours) / current.value(peer) for current in selected)

    ratios = paired(rounds)
    return {
        "of_medians": median(current.value(ours) for current in rounds)
        / median(current.value(peer) for current in rounds),
        "paired": median(ratios),
        "paired_range": [ratios[0], ratios[-1]],
        "paired_quiet": median(paired(quiet)) if quiet else None,
    }


def _bound(rounds: Sequence[Round], bounds: Sequence[str], peers: Sequence[str]) -> dict[str, Any]:
    """The least times of a pass, which of them is the longest, and its ratio to the times of the
    peers.
    """

    def milliseconds(name: str) -> float:
        return median(current.value(name) for current in rounds) / 1e6

    times = {name: milliseconds(name) for name in bounds}
    by = max(times, key=times.__getitem__)
    return {
        "ms": times,
        "by": by,
        "ratio": {peer: times[by] / milliseconds(peer) for peer in peers},
    }


def summarise(
    rounds: Sequence[Round], ours: str, peers: Sequence[str], bounds: Sequence[str]
) -> dict[str, Any]:
    quiet = _quiet(rounds)
    summary = {
        "rounds": len(rounds),
        "quiet_rounds": len(quiet),
        "ms": {engine: _milliseconds(rounds, quiet, engine) for engine in (ours, *peers)},
        "ratio": {peer: _ratio(rounds, quiet, ours, peer) for peer in peers},
    }
    return summary | ({"bound": _bound(rounds, bounds, peers)} if bounds else {})
