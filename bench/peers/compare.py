# SPDX-License-Identifier: Apache-2.0
"""Run this library and its peers interleaved on one core; write JSON lines.

The records are one "host", and then for each model: one "engine" and one "accuracy" for each
engine, one "latency" for each kind of input and number of tokens, and one "start" for each program.
report.py turns them into tables and a chart. With --cap all three engines run as on a CPU with
fewer instructions, and starts are not measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Iterator, Mapping, Sequence, TextIO

import bound
import interleave
import start
from interleave import ENVIRONMENT, HERE, Worker

OURS = "distil"
PEERS = ("onnxruntime", "openvino")
INPUTS = ("random", "text")
LENGTHS = (8, 16, 32, 64, 128, 256, 512)
QUICK_LENGTHS = (8, 32, 128)
CLS, SEP = 101, 102
# The first word in the vocabulary of bert-base-uncased. Special and unused tokens have lower ids.
FIRST_WORD_ID = 999


@dataclass(frozen=True)
class Model:
    """A folder that prepare.py has filled, and the blob of the same checkpoint."""

    name: str
    folder: Path
    blob: Path
    vocab: Path

    def arguments(self, engine: str, args: argparse.Namespace) -> list[str]:
        """The arguments that follow the engine's name on a worker's command line."""
        if engine == OURS:
            return [str(self.blob), str(args.library), args.isa]
        if engine in bound.NAMES:
            return [str(args.ceilings), str(args.library), str(self.blob), args.isa]
        suffix = {"onnxruntime": "onnx", "openvino": "xml"}[engine]
        return [str(self.folder / f"{engine}.{suffix}")]

    def reference(self) -> dict[str, Any]:
        return json.loads((self.folder / "reference.json").read_text(encoding="ascii"))


def _random_ids(rng: random.Random, tokens: int, vocab_size: int) -> list[int]:
    words = [rng.randrange(FIRST_WORD_ID, vocab_size) for _ in range(tokens - 2)]
    return [CLS, *words, SEP]


def _text_ids(rng: random.Random, tokens: int, texts: Sequence[Sequence[int]]) -> list[int]:
    """Whole sentences one after another, cut at the wanted number of tokens."""
    words: list[int] = []
    while len(words) < tokens - 2:
        words.extend(rng.choice(texts)[1:-1])
    return [CLS, *words[: tokens - 2], SEP]


def _latencies(model: Model, workers: Sequence[Worker], args: argparse.Namespace) -> Iterator[dict]:
    texts = model.reference()["texts"]
    vocab_size = sum(1 for _ in model.vocab.open(encoding="utf-8"))
    for kind in args.inputs:
        for tokens in args.tokens:
            rng = random.Random(tokens)
            inputs = [
                (
                    _random_ids(rng, tokens, vocab_size)
                    if kind == "random"
                    else _text_ids(rng, tokens, texts)
                )
                for _ in range(args.rounds)
            ]
            rounds = interleave.measure(workers, inputs, args.block_ms, args.clock)
            key = {"record": "latency", "model": model.name, "input": kind, "tokens": tokens}
            names = [worker.engine for worker in workers if worker.engine in bound.NAMES]
            yield key | interleave.summarise(rounds, OURS, args.peers, names)


def _accuracy(model: Model, worker: Worker) -> dict[str, Any]:
    reference = model.reference()
    expected = reference["logits"]
    found = worker.ask("logits", texts=reference["texts"])["logits"]

    def choices(logits: Sequence[Sequence[float]]) -> list[int]:
        return [row.index(max(row)) for row in logits]

    def share(left: Sequence[int], right: Sequence[int]) -> float:
        return fmean(a == b for a, b in zip(left, right, strict=True))

    errors = [abs((f[1] - f[0]) - (e[1] - e[0])) for f, e in zip(found, expected, strict=True)]
    labels = reference["labels"]
    return {
        "record": "accuracy",
        "model": model.name,
        "engine": worker.engine,
        "sentences": len(found),
        "accuracy": share(choices(found), labels) if labels else None,
        "agreement": share(choices(found), choices(expected)),
        "margin_error_mean": fmean(errors),
        "margin_error_max": max(errors),
    }


def _starts(model: Model, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    command = [args.command, "classify", "--stream", "--isa", args.isa, "-m", model.blob]
    programs = {"distil command": [str(word) for word in command]}
    for engine in (OURS, *args.peers):
        path, *rest = model.arguments(engine, args)
        script = str(HERE / "first_label.py")
        words = [sys.executable, script, engine, path, str(model.vocab), *rest]
        programs[f"{engine} from Python"] = words
    alone = "import sys; print(len(sys.stdin.readline()), flush=True); sys.stdin.read()"
    programs["Python alone"] = [sys.executable, "-c", alone]
    for program, result in start.measure(programs, args.starts).items():
        yield {"record": "start", "model": model.name, "program": program} | result


def _environment(engine: str, args: argparse.Namespace) -> Mapping[str, str]:
    """The environment of a worker. With --cap it points the peers to their patched packages, and
    tells glibc not to use AVX-512 either.
    """
    if not args.cap or engine not in args.peers:
        return ENVIRONMENT
    return ENVIRONMENT | {
        "PYTHONPATH": str(args.capped.absolute()),
        "LD_PRELOAD": str((args.capped / "hide_cpuid.so").absolute()),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD",
    }


def _check_cap(worker: Worker) -> None:
    info = worker.ask("info")
    if info["hidden"] == 0:
        sys.exit(f"{worker.engine}: has asked for CPU features in no way that is caught")
    if info["avx512"]:
        sys.exit(f"{worker.engine}: has used AVX-512, which it should not have found")


def _model_records(model: Model, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:

        def start_worker(engine: str) -> Worker:
            arguments = model.arguments(engine, args)
            return stack.enter_context(Worker(engine, arguments, _environment(engine, args)))

        workers = [start_worker(engine) for engine in (OURS, *args.peers)]
        for worker in workers:
            yield _accuracy(model, worker)
            info = worker.ask("info")
            yield {"record": "engine", "model": model.name, "engine": worker.engine} | info
        # The scalar level has no ceiling to time.
        scalar = workers[0].ask("info")["detail"] == "scalar"
        bounds = [] if scalar else [start_worker(name) for name in bound.NAMES]
        yield from _latencies(model, [*workers, *bounds], args)
        if args.cap:
            for worker in workers[1:]:
                _check_cap(worker)
    if not args.cap:
        yield from _starts(model, args)


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    facts = dict(map(str.strip, line.split(":", 1)) for line in reversed(lines) if ":" in line)
    family = ", ".join(f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts)
    return f"{facts.get('model name', platform.machine())} ({family})"


def _revision() -> str:
    """The commit, marked as dirty if anything differs from it except pages and published results."""

    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(HERE.parent.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    commit = git("rev-parse", "--short", "HEAD").stdout.strip() or "unknown"
    changed = git("diff", "--quiet", "HEAD", "--", ".", ":!docs", ":!bench/results").returncode == 1
    return f"{commit}-dirty" if changed else commit


def _host(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "record": "host",
        "cpu": _cpu_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": _revision(),
        "core": args.core,
        "clock": args.clock,
        "rounds": args.rounds,
        "block_ms": args.block_ms,
        "isa": args.isa,
        "cap": args.cap,
    }


def _progress(record: dict[str, Any]) -> None:
    if record["record"] != "latency":
        return
    times = "  ".join(
        f"{engine} {value['median']:.2f} (min {value['min']:.2f})"
        for engine, value in record["ms"].items()
    )
    ratios = "  ".join(
        f"/{peer} {value['of_medians']:.3f} (paired {value['paired']:.3f})"
        for peer, value in record["ratio"].items()
    )
    if "bound" in record:
        least = record["bound"]
        of_peers = "  ".join(f"/{peer} {value:.3f}" for peer, value in least["ratio"].items())
        ratios += f"  least ({least['by']}): {of_peers}"
    print(
        f"{record['model']:5} {record['input']:6} {record['tokens']:3} tokens, ms: {times}  "
        f"ratios: {ratios}  quiet {record['quiet_rounds']}/{record['rounds']}",
        flush=True,
    )


def _write(record: dict[str, Any], output: TextIO) -> None:
    print(json.dumps(record), file=output, flush=True)
    _progress(record)


def _model(argument: str) -> Model:
    name, folder, blob, vocab = argument.split(":")
    return Model(name, Path(folder), Path(blob), Path(vocab))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench/peers/run.sh", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer lengths, rounds and starts")
    parser.add_argument("--tokens", type=int, nargs="+", metavar="N", help="default 8 16 ... 512")
    parser.add_argument("--inputs", choices=INPUTS, nargs="+", help="default both")
    parser.add_argument("--peers", choices=PEERS, nargs="*", default=list(PEERS))
    parser.add_argument("--rounds", type=int, help="rounds of A B C C B A (15; quick: 3)")
    parser.add_argument("--block-ms", type=float, default=60, help="length of a block (60)")
    parser.add_argument("--starts", type=int, help="starts of each program (15; quick: 3)")
    parser.add_argument("--isa", default="best", help="level of this library alone (best)")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: leave out the time that other processes take (busy machines)",
    )
    parser.add_argument(
        "--core", type=int, default=max(os.sched_getaffinity(0)), help="CPU to run on (the last)"
    )
    # run.sh gives these options, so the help does not list them.
    hidden = {"required": True, "help": argparse.SUPPRESS}
    parser.add_argument("--model", dest="models", type=_model, action="append", **hidden)
    parser.add_argument("--library", type=Path, **hidden)
    parser.add_argument("--ceilings", type=Path, **hidden)
    # run.sh gives this option too.
    parser.add_argument("--cap", choices=("avx2",), help=argparse.SUPPRESS)
    parser.add_argument("--capped", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--command", type=Path, **hidden)
    parser.add_argument("--output", type=Path, **hidden)
    args = parser.parse_args()
    if args.cap and args.isa not in ("best", args.cap):
        parser.error(f"--isa {args.isa} with --cap {args.cap}: name one")
    args.isa = args.cap or args.isa
    args.tokens = args.tokens or (QUICK_LENGTHS if args.quick else LENGTHS)
    args.inputs = args.inputs or (INPUTS[:1] if args.quick else INPUTS)
    args.rounds = args.rounds or (3 if args.quick else 15)
    args.starts = args.starts or (3 if args.quick else 15)
    return args


def main() -> None:
    args = _arguments()
    os.sched_setaffinity(0, {args.core})  # Every process that this one starts inherits the CPU.
    partial = args.output.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as output:
        _write(_host(args), output)
        for model in args.models:
            for record in _model_records(model, args):
                _write(record, output)
    partial.replace(args.output)


if __name__ == "__main__":
    main()
