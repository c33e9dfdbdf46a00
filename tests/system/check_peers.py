#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks for tests/system/test_peers.sh on bench/peers. They need neither the peers nor any
package.

    check_peers.py pages ROOT             the tables in docs/performance.md are those of the
                                          results, and the chart exists; its content is not
                                          compared, because matplotlib draws it
    check_peers.py summary ROOT           medians, pairs and quiet rounds of rounds with known times
    check_peers.py bound ROOT SHAPES      multiply-adds of a pass, from `distil inspect --json`
    check_peers.py hidden ROOT LIBRARY    what CPUID returns in a library, before and after patching

An assertion that fails is the message.
"""

import ctypes
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace


def pages(root):
    import report

    page = (root / "docs/performance.md").read_text(encoding="utf-8")
    for results, begin, end in (
        ("peers.jsonl", report.BEGIN, report.END),
        (
            "peers-avx2.jsonl",
            report.BEGIN_CAPPED.format("avx2"),
            report.END_CAPPED.format("avx2"),
        ),
    ):
        records = report.read(root / "bench/results" / results)
        models = list(dict.fromkeys(record["model"] for record in records["latency"]))
        suffix = "-avx2" if records["host"][0].get("cap") else ""
        chart = report.CHART.format(suffix)
        published = page.split(begin)[1].split(end)[0]
        assert published == f"\n\n{report.section(records, models, chart)}\n", results
        assert (root / "docs" / chart).is_file(), chart


def summary(root):
    from interleave import Block, Round, summarise

    # Each engine has two blocks, and the times are in milliseconds.
    def round_of(speed, stolen, **times):
        current = Round(speed)
        for engine, (first, second) in times.items():
            current.blocks[engine] = [
                Block([int(first * 1e6)] * 3, 1.0),
                Block([int(second * 1e6), int(second * 1e6), int(9e9)], stolen),
            ]
        return current

    rounds = [
        # ratio of the medians 2 / 4
        round_of(1.00, 1.00, ours=(1, 3), peer=(4, 4), least=(1, 1), less=(0.5, 0.5)),
        # ratio of the medians 3 / 4
        round_of(1.04, 1.01, ours=(3, 3), peer=(4, 4), least=(1, 1), less=(0.5, 0.5)),
        # not quiet: the fixed piece of work took 6 % longer
        round_of(1.06, 1.00, ours=(8, 8), peer=(4, 4), least=(1, 1), less=(0.5, 0.5)),
        # not quiet: another process had the core for 3 % of the time
        round_of(1.00, 1.03, ours=(8, 8), peer=(5, 5), least=(1, 1), less=(0.5, 0.5)),
    ]
    found = summarise(rounds, "ours", ["peer"], ["less", "least"])
    assert (found["rounds"], found["quiet_rounds"]) == (4, 2), found
    assert found["ms"]["ours"]["median"] == 5.5 and found["ms"]["ours"]["min"] == 1.0, found
    assert found["ms"]["ours"]["quiet"] == 2.5, found
    ratio = found["ratio"]["peer"]
    assert ratio["of_medians"] == 5.5 / 4, ratio
    assert ratio["paired"] == (0.75 + 1.6) / 2 and ratio["paired_quiet"] == 0.625, ratio
    assert ratio["paired_range"] == [0.5, 2.0], ratio
    times = {"less": 0.5, "least": 1.0}
    assert found["bound"] == {"ms": times, "by": "least", "ratio": {"peer": 0.25}}, found


def bound(root, shapes):
    from bound import multiply_adds

    model = json.loads(Path(shapes).read_text(encoding="utf-8"))
    info = SimpleNamespace(**{k: model[k] for k in ("dim", "hidden_dim", "n_layers", "n_heads")})
    last = info.n_layers - 1
    for tokens in (1, 2, 16, 512):
        products = 0
        for matrix in model["matrices"]:
            size = matrix["depth"] * matrix["cols"]
            if matrix["layer"] < last:
                products += tokens * size
            # In the last layer queries are computed for one row, keys and values for all.
            elif matrix["name"] == "qkv":
                products += size // 3 + tokens * (size - size // 3)
            else:
                products += size
        # Every query meets every key and value. The last layer has one query.
        pairs = last * tokens * tokens + tokens
        attention = pairs * 2 * info.dim
        assert multiply_adds(info, tokens) == (products, attention), tokens


def hidden(root, library):
    """Compares leaf 7 in the library as it is with leaf 7 in its copy, whose CPUID is a trap."""
    import hide_cpuid

    copy = Path(library).with_suffix(".patched.so")
    shutil.copy(library, copy)
    assert hide_cpuid._patch(copy) == 1, "the function has one CPUID"
    before, after = Path(library).read_bytes(), copy.read_bytes()
    changed = [place for place, pair in enumerate(zip(before, after)) if pair[0] != pair[1]]
    assert len(before) == len(after) and len(changed) == 1, changed
    assert before.count(b"\x0f\xa2") == 2 and after.count(b"\x0f\xa2") == 1, "data stays"

    def ask(path):
        leaf7 = ctypes.CDLL(str(path)).leaf7
        registers = (ctypes.c_uint32 * 4)()
        leaf7(registers)
        return list(registers)

    real, shown = ask(library), ask(copy)
    avx512 = (  # The bits of AVX-512 and AMX in eax, ebx, ecx and edx.
        [],
        [16, 17, 21, 26, 27, 28, 30, 31],
        [1, 6, 11, 12, 14],
        [2, 3, 8, 22, 23, 24, 25],
    )
    wanted = [r & ~sum(1 << bit for bit in bits) for r, bits in zip(real, avx512)]
    assert shown == wanted, (real, shown, wanted)
    answers = ctypes.CDLL(None).hide_cpuid_answers
    assert answers() == 1, answers()
    stop = f"import ctypes; ctypes.CDLL({str(copy)!r}).stop()"
    ended = subprocess.run([sys.executable, "-c", stop]).returncode
    assert ended == -signal.SIGILL, f"another illegal instruction: {ended}"


def main():
    name, root, *rest = sys.argv[1:]
    sys.path.insert(0, str(Path(root) / "bench/peers"))
    sys.dont_write_bytecode = True
    {"pages": pages, "summary": summary, "bound": bound, "hidden": hidden}[name](Path(root), *rest)


if __name__ == "__main__":
    main()
