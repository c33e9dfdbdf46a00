# SPDX-License-Identifier: Apache-2.0
"""Turn the JSON lines of compare.py into a Markdown section and an SVG chart.

--publish puts the section between the two marker lines of a page, and the chart beside the page. A
run with a cap has files and marker lines of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Iterable, Sequence

Records = dict[str, list[dict[str, Any]]]

BEGIN = "<!-- peers: begin, written by bench/peers/run.sh --publish -->"
END = "<!-- peers: end -->"
BEGIN_CAPPED = "<!-- peers {0}: begin, written by bench/peers/run.sh --cap {0} --publish -->"
END_CAPPED = "<!-- peers {0}: end -->"
CHART = "peers-latency{}.svg"

NAMES = {"distil": "distil", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
COLOURS = {"distil": "#c2410c", "onnxruntime": "#1d4ed8", "openvino": "#0f766e"}
MARKERS = {"distil": "o", "onnxruntime": "s", "openvino": "^"}
MODELS = {
    "base": "base size (768 / 3072, 12 heads, 6 layers), synthetic weights",
    "sst2": "the shipped model (384 / 1536, 12 heads, 6 layers)",
}
CAPPED = [
    "The CPU has more than AVX2, but the peers could not see it: in copies of their libraries a trap "
    "stood in the place of each CPUID instruction, and its handler answered without AVX-512, AVX-VNNI "
    "and AMX (`bench/peers/hide_cpuid.c`). This library was capped by its own option. So this is one "
    "host with features hidden, and not a measurement of a CPU that has no more than AVX2, such as "
    "Zen 3.",
    "",
]
INPUTS = {"random": "random token ids", "text": "real text (sentences of SST-2, joined)"}


def read(path: Path) -> Records:
    records: Records = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        records[record["record"]].append(record)
    return records


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)] + [""]


def _optional(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 20 else f"{value:.1f}"


def _latency_row(record: dict[str, Any]) -> list[str]:
    times = [f"{_ms(value['median'])} ({_ms(value['min'])})" for value in record["ms"].values()]
    ratios = [
        f"{value['of_medians']:.3f} / {value['paired']:.3f} / "
        f"{_optional(value['paired_quiet'], '.3f')}"
        for value in record["ratio"].values()
    ]
    quiet = f"{record['quiet_rounds']} of {record['rounds']}"
    return [str(record["tokens"]), *times, *ratios, *_bound_cells(record), quiet]


def _bound_cells(record: dict[str, Any]) -> list[str]:
    if "bound" not in record:
        return []
    least = record["bound"]
    ratios = [f"{value:.3f}" for value in least["ratio"].values()]
    return [f"{_ms(least['ms'][least['by']])} {least['by']}", *ratios]


def _latency_tables(records: Records, model: str) -> list[str]:
    lines = []
    for kind, title in INPUTS.items():
        chosen = [r for r in records["latency"] if (r["model"], r["input"]) == (model, kind)]
        if not chosen:
            continue
        engines = [NAMES[engine] for engine in chosen[0]["ms"]]
        ratios = [f"distil / {NAMES[peer]}" for peer in chosen[0]["ratio"]]
        lines += [
            f"Latency with {title} in ms: the median over the rounds and, in parentheses, the minimum of "
            "single calls. Ratios: of the two medians / the median of each round's own ratio / the same "
            "in quiet rounds only.",
            "",
        ]
        bounds = ["least, ms", *(f"least / {NAMES[peer]}" for peer in chosen[0]["ratio"])]
        header = ["tokens", *engines, *ratios, *(bounds if "bound" in chosen[0] else [])]
        header.append("quiet rounds")
        lines += _table(header, map(_latency_row, chosen))
    return lines


def _accuracy_table(records: Records, model: str) -> list[str]:
    chosen = [record for record in records["accuracy"] if record["model"] == model]
    sentences = chosen[0]["sentences"]
    lines = [
        f"Answers to {sentences} sentences of the SST-2 development set, compared with those of the "
        "checkpoint in fp32:",
        "",
    ]
    header = ["", "accuracy, %", "same label, %", "mean margin error", "largest"]
    return lines + _table(
        header,
        (
            [
                NAMES[record["engine"]],
                "-" if record["accuracy"] is None else f"{100 * record['accuracy']:.2f}",
                f"{100 * record['agreement']:.2f}",
                f"{record['margin_error_mean']:.4f}",
                f"{record['margin_error_max']:.3f}",
            ]
            for record in chosen
        ),
    )


def _program(record: dict[str, Any]) -> str:
    engine, _, rest = record["program"].partition(" ")
    return f"{NAMES.get(engine, engine)} {rest}"


def _start_table(records: Records, model: str) -> list[str]:
    chosen = [record for record in records["start"] if record["model"] == model]
    lines = ["Time from process start to the first label, with all files in the page cache:", ""]
    header = ["program", "median, ms", "minimum, ms", "CPU time, ms", "peak memory, MB"]
    return lines + _table(
        header,
        (
            [
                _program(record),
                f"{record['median_ms']:.1f}",
                f"{record['min_ms']:.1f}",
                f"{record['cpu_ms']:.1f}",
                f"{record['peak_mb']:.1f}",
            ]
            for record in chosen
        ),
    )


def _pages(engine: dict[str, Any]) -> str:
    """How much of an engine's process is in huge pages; runs from before it was noted say nothing."""
    if "pages" not in engine:
        return ""
    pages = engine["pages"]
    return f", {pages['huge'] * 1e-6:.0f} of {pages['resident'] * 1e-6:.0f} MB in 2 MB pages"


def _host_lines(records: Records) -> list[str]:
    host = records["host"][0]
    engines = {record["engine"]: record for record in records["engine"]}
    versions = ", ".join(
        f"{NAMES[name]} {engine['version']} ({engine['detail']}{_pages(engine)})"
        for name, engine in engines.items()
    )
    return [
        f"{host['cpu']}, Linux {host['kernel']}, CPU {host['core']}, one thread. {versions}. "
        f"Python {host['python']}; revision {host['revision']}; {host['clock']} clock, "
        f"{host['rounds']} rounds, blocks of {host['block_ms']:g} ms.",
        "",
        *(CAPPED if host.get("cap") else []),
    ]


def _chart(records: Records, models: Sequence[str], target: Path) -> None:
    import matplotlib  # Only the chart needs matplotlib; the tables can be made without it.

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": target.name, "font.size": 10})
    figure, axes = plt.subplots(
        1, len(models), figsize=(4.8 * len(models), 4.2), squeeze=False, layout="constrained"
    )
    for axis, model in zip(axes[0], models, strict=True):
        latencies = [record for record in records["latency"] if record["model"] == model]
        chosen = [record for record in latencies if record["input"] == latencies[0]["input"]]
        tokens = [record["tokens"] for record in chosen]
        for engine in chosen[0]["ms"]:
            times = [record["ms"][engine]["median"] for record in chosen]
            style = {"color": COLOURS[engine], "marker": MARKERS[engine], "label": NAMES[engine]}
            axis.plot(tokens, times, linewidth=1.8, markersize=5, **style)
        axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="ms, median of one text")
        axis.set_title(MODELS.get(model, model).split(" (")[0], fontsize=10)
        axis.set_xticks(tokens, [str(count) for count in tokens])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.grid(color="#d4d4d4", linewidth=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})
    lines = target.read_text(encoding="utf-8").splitlines()
    target.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")


def section(records: Records, models: Sequence[str], chart: str) -> str:
    lines = _host_lines(records)
    lines += [f"![Latency of one text by its number of tokens, both axes logarithmic]({chart})", ""]
    for model in models:
        lines += [f"### {MODELS.get(model, model).capitalize()}", ""]
        lines += _latency_tables(records, model)
        lines += _accuracy_table(records, model)
        lines += _start_table(records, model) if records["start"] else []
    return "\n".join(lines).rstrip() + "\n"


def _publish(page: Path, tables: str, cap: str | None) -> None:
    begin, end = (BEGIN_CAPPED.format(cap), END_CAPPED.format(cap)) if cap else (BEGIN, END)
    text = page.read_text(encoding="utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        sys.exit(f"{page}: the lines {begin} and {end} are expected once each")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}\n\n{tables}\n{end}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("results", type=Path, help="JSON lines of compare.py")
    parser.add_argument("target", type=Path, help="folder for report.md and the chart")
    parser.add_argument("--publish", type=Path, metavar="PAGE", help="page to put the section in")
    args = parser.parse_args()
    records = read(args.results)
    models = list(dict.fromkeys(record["model"] for record in records["latency"]))
    cap = records["host"][0].get("cap")
    suffix = f"-{cap}" if cap else ""
    chart = args.target / CHART.format(suffix)
    text = section(records, models, chart.name)
    (args.target / f"report{suffix}.md").write_text(text, encoding="utf-8")
    _chart(records, models, chart)
    if args.publish:
        _publish(args.publish, text, cap)
        (args.publish.parent / chart.name).write_bytes(chart.read_bytes())


if __name__ == "__main__":
    main()
