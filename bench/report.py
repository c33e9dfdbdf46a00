# SPDX-License-Identifier: Apache-2.0
"""Other forms of what `distil bench` measured.

    python3 bench/report.py results.json --markdown comment.md --junit junit.xml --github bench.json
    python3 bench/report.py results.json --html report.html --cold cold.json --load load.json \
        --history DIRECTORY --peers bench/results/peers.jsonl

Markdown, JUnit and the format of github-action-benchmark need nothing but Python 3.9; the HTML
report, one file with its charts inside, needs matplotlib.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Callable
from xml.sax.saxutils import escape, quoteattr

Result = dict[str, Any]
Run = dict[str, Any]

INK, MUTED, OURS, PEERS = "#1f2937", "#9ca3af", "#c2410c", ("#1d4ed8", "#0f766e")
MARK = {"pass": "✓", "fail": "✗", "inconclusive": "?", "absent": "–", "failed": "✗"}


def _verdict(result: Result) -> str:
    return result["verdict"] if result["status"] == "done" else result["status"]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100_000 else f"{value:.4g}"


def _interval(result: Result) -> str:
    if result["low"] == result["high"]:
        return ""
    return f"{_figure(result['low'])} – {_figure(result['high'])}"


def _headroom(result: Result) -> str:
    return f"{100 * (1 - result['value'] / result['max']):.1f} %"


def _counts(run: Run) -> str:
    seen = [_verdict(r) for r in run["results"]]
    over = seen.count("fail") + seen.count("failed")
    return (
        f"{seen.count('pass')} within budget, {over} over, "
        f"{seen.count('inconclusive')} inconclusive, {seen.count('absent')} not measured here"
    )


def _rows(run: Run) -> list[list[str]]:
    rows = []
    for r in run["results"]:
        verdict = _verdict(r)
        cells = [f"{MARK[verdict]} {verdict}", r["name"]]
        if r["status"] == "done":
            cells += [f"{_figure(r['value'])} {r['unit']}", _interval(r), _figure(r["max"])]
            cells += [_headroom(r), r["why"]]
        else:
            cells += ["", "", _figure(r["max"]), "", r["reason"]]
        rows.append(cells)
    return rows


HEAD = ["verdict", "budget", "measured", "99 % interval", "allowed", "headroom", "why"]


def markdown(run: Run) -> str:
    """A comment for a pull request."""
    bad = [r for r in run["results"] if _verdict(r) in ("fail", "failed")]
    lines = [f"### Benchmarks: {_counts(run)}", ""]
    for r in bad:
        reason = r.get("reason") or (
            f"{_figure(r['value'])} {r['unit']}, allowed {_figure(r['max'])}"
        )
        lines += [f"**{r['name']} is over its budget**: {reason}. {r['why']}", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in _rows(run)]
    lines += ["", f"{run['cpu']}, {run['level']}; {run['seconds']:.0f} s; {run['date']}"]
    return "\n".join(lines) + "\n"


def junit(run: Run) -> str:
    """One test case for each budget; inconclusive and absent ones are skipped."""
    cases, failures, skipped = [], 0, 0
    for r in run["results"]:
        verdict = _verdict(r)
        body = ""
        if verdict in ("fail", "failed"):
            failures += 1
            text = r.get("reason") or f"{r['value']:.6g} {r['unit']} is over {r['max']:.6g}"
            body = f"<failure message={quoteattr(text)}>{escape(r['why'])}</failure>"
        elif verdict != "pass":
            skipped += 1
            text = r.get("reason") or f"inconclusive: {_interval(r)} {r['unit']}, {r['max']:.6g}"
            body = f"<skipped message={quoteattr(text)}/>"
        cases.append(
            f'  <testcase classname="bench" name={quoteattr(r["name"])}>{body}</testcase>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="distil bench" tests="{len(cases)}" failures="{failures}" '
        f'skipped="{skipped}" time="{run["seconds"]:.1f}" timestamp={quoteattr(run["date"])}>\n'
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )


def github(run: Run) -> str:
    """customSmallerIsBetter of github-action-benchmark."""
    entries = [
        {
            "name": r["name"],
            "unit": r["unit"],
            "value": r["value"],
            "range": _interval(r),
            "extra": f"allowed {r['max']:.6g}; {run['cpu']}, {run['level']}",
        }
        for r in run["results"]
        if r["status"] == "done"
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


# ---- HTML ----------------------------------------------------------------------------------------


def _figure_svg(draw: Callable[[Any, Any], None], width: float = 8.6, height: float = 3.6) -> str:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {
            "svg.hashsalt": "distil",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.size": 9.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": MUTED,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.grid": True,
            "grid.color": "#e5e7eb",
            "axes.axisbelow": True,
        }
    )
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    draw(figure, axes)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    return text[text.index("<svg") :]


def _latency_chart(run: Run, peers: list[dict[str, Any]]) -> str:
    points: dict[str, list[tuple[int, float, float]]] = {}
    for r in run["results"]:
        found = re.fullmatch(r"latency/(\w+)/(\d+)", r["name"])
        if found and r["status"] == "done":
            entry = (int(found[2]), r["ms"], r["reference_ms"])
            points.setdefault(found[1], []).append(entry)
    best = points.get(run["level"]) or next(iter(points.values()), [])
    if not best:
        return ""

    def draw(_: Any, axes: Any) -> None:
        for level, entries in points.items():
            entries.sort()
            strong = level == run["level"]
            axes.plot(
                [e[0] for e in entries],
                [e[1] for e in entries],
                marker="o",
                color=OURS if strong else "#fdba74",
                label=f"distil, {level}",
                zorder=3 if strong else 2,
            )
        best.sort()
        axes.plot(
            [e[0] for e in best],
            [e[2] for e in best],
            linestyle="--",
            color=MUTED,
            label=f"ceiling: the products alone, {run['level']}",
        )
        for colour, (name, series) in zip(PEERS, sorted(_peer_series(peers).items())):
            axes.plot([p[0] for p in series], [p[1] for p in series], marker="s", color=colour,
                      label=name)
        axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="milliseconds")
        ticks = sorted({e[0] for entries in points.values() for e in entries})
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.legend(frameon=False)

    return _figure_svg(draw)


def _peer_series(peers: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    names = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    series: dict[str, list[tuple[int, float]]] = {}
    for record in peers:
        if record.get("record") != "latency" or record.get("model") != "sst2":
            continue
        for engine, ms in record["ms"].items():
            if engine in names:
                series.setdefault(names[engine], []).append((record["tokens"], ms["median"]))
    return {name: sorted(set(points)) for name, points in series.items()}


def _headroom_chart(run: Run) -> str:
    done = [r for r in run["results"] if r["status"] == "done"]
    if not done:
        return ""

    def draw(_: Any, axes: Any) -> None:
        share = [100 * r["value"] / r["max"] for r in done]
        colours = {"pass": "#0f766e", "fail": "#b91c1c", "inconclusive": "#d97706"}
        axes.barh([r["name"] for r in done], share,
                  color=[colours.get(_verdict(r), MUTED) for r in done], height=0.62)
        axes.axvline(100, color=INK, linewidth=1)
        axes.invert_yaxis()
        axes.set(xlabel="per cent of the budget", xlim=(0, max(105, *share) * 1.02))
        axes.grid(axis="y", visible=False)

    return _figure_svg(draw, height=0.6 + 0.24 * len(done))


def _cold_chart(cold: dict[str, Any]) -> str:
    shades = ["#7c2d12", "#9a3412", "#c2410c", "#ea580c", "#f97316", "#fb923c", "#fdba74"]
    charts = []
    for start in cold["starts"]:

        def draw(_: Any, axes: Any, start: dict[str, Any] = start) -> None:
            phases = start["phases"]
            for i, phase in enumerate(phases):
                width = phase["end_ms"] - phase["begin_ms"]
                axes.barh(i, width, left=phase["begin_ms"], color=shades[i % len(shades)],
                          height=0.7)
                faults = f"{phase['minor_faults'] + phase['major_faults']:.0f} faults"
                axes.text(phase["end_ms"] + start["total_ms"] * 0.008, i,
                          f"{width:.2f} ms, {faults}", va="center", fontsize=8, color=INK)
            axes.set_yticks(range(len(phases)), [p["name"] for p in phases])
            axes.invert_yaxis()
            axes.set(xlabel="milliseconds from fork", xlim=(0, start["total_ms"] * 1.22))
            axes.grid(axis="y", visible=False)

        title = "in the page cache" if start["cache"] == "warm" else "evicted from the page cache"
        charts.append(
            f"<h3>Model {title}: {start['total_ms']:.2f} ms, "
            f"{start['read_bytes'] / 1e6:.1f} of {start['blob_bytes'] / 1e6:.1f} MB read</h3>"
            + _figure_svg(draw)
        )
    return "".join(charts)


def _load_chart(load: dict[str, Any]) -> str:
    def draw(_: Any, axes: Any) -> None:
        low = [b["from_ms"] for b in load["histogram"]]
        width = [b["to_ms"] - b["from_ms"] for b in load["histogram"]]
        axes.bar(low, [b["count"] for b in load["histogram"]], width=width, align="edge",
                 color=OURS)
        for q in ("p50_ms", "p95_ms", "p99_ms"):
            axes.axvline(load[q], color=INK, linewidth=0.8, linestyle=":")
            axes.text(load[q], axes.get_ylim()[1], f" {q[:3]} {load[q]:.2f}", va="top", fontsize=8)
        axes.set(xscale="log", xlabel="milliseconds from intended arrival to answer",
                 ylabel="events")

    return _figure_svg(draw)


def _history_chart(history: list[Run]) -> str:
    series: dict[str, list[tuple[str, float]]] = {}
    for run in history:
        for r in run["results"]:
            if r["status"] == "done" and r["name"].startswith(("latency/", "first_label")):
                label = run["revision"][:8] or run["date"][:10]
                series.setdefault(r["name"], []).append((label, r["value"]))
    series = {name: points for name, points in series.items() if len(points) > 1}
    if not series:
        return ""

    def draw(_: Any, axes: Any) -> None:
        for name, points in series.items():
            axes.plot([p[0] for p in points], [p[1] / points[0][1] for p in points], marker="o",
                      label=name)
        axes.set(ylabel="relative to the first", xlabel="revision")
        axes.legend(frameon=False, fontsize=8)

    return _figure_svg(draw)


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2937; background: #fafaf9; margin: 0; }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.1rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 0.95rem; font-weight: 600; }
p.sub { color: #6b7280; margin-top: 0; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.84rem; }
th, td { text-align: left; padding: 0.3rem 0.5rem; border-bottom: 1px solid #e5e7eb; }
td:nth-child(3), td:nth-child(5), td:nth-child(6) { white-space: nowrap; }
tr.fail td:first-child, tr.failed td:first-child { color: #b91c1c; font-weight: 600; }
tr.pass td:first-child { color: #0f766e; } tr.inconclusive td:first-child { color: #d97706; }
.card { background: #fff; border: 1px solid #e7e5e4; border-radius: 8px; padding: 1rem 1.2rem; }
"""


def report(run: Run, cold: Any, load: Any, history: list[Run], peers: list[Any]) -> str:
    """One self-contained page."""
    rows = "".join(
        f'<tr class="{_verdict(r)}">' + "".join(f"<td>{html.escape(c)}</td>" for c in cells)
        + "</tr>"
        for r, cells in zip(run["results"], _rows(run))
    )
    parts = [
        ("Budgets", "Each bar is a figure as a share of what is allowed; the line is the budget.",
         _headroom_chart(run) + "<table><tr>" + "".join(f"<th>{h}</th>" for h in HEAD) + "</tr>"
         + rows + "</table>"),
        ("Latency by length", "Lower is better. The dashed line is the time that the int8 products "
         "alone would take at the rate of the CPU's instructions on registers.",
         _latency_chart(run, peers)),
        ("Cold start", "A fresh process from fork to its first label; each bar is a phase.",
         _cold_chart(cold) if cold else ""),
        ("Under load", "Events arrive at random times whether or not the last one is answered; "
         "waiting counts.", _load_chart(load) if load else ""),
        ("History", "Figures relative to the first revision shown.", _history_chart(history)),
    ]
    body = "".join(
        f'<h2>{title}</h2><p class="sub">{text}</p><div class="card">{content}</div>'
        for title, text, content in parts
        if content
    )
    subtitle = f"{run['cpu']}, {run['level']} · {run['date']} · {run['revision'][:12]}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>distil bench</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{html.escape(_counts(run))}</h1>"
        f'<p class="sub">{html.escape(subtitle)}</p>{body}</main></body></html>\n'
    )


# ---- command line --------------------------------------------------------------------------------


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        sys.exit(f"bench/report.py: {path}: {error}")


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)


def _history(directory: Path | None, run: Run) -> list[Run]:
    if directory is None:
        return []
    runs = [_load(path) for path in sorted(directory.glob("*.json"))]
    return sorted([*runs, run], key=lambda r: r["date"])


def _peers(path: Path | None) -> list[Any]:
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="of `distil bench run -o`")
    for form in ("markdown", "junit", "github", "html"):
        parser.add_argument(f"--{form}", type=Path, metavar="FILE")
    parser.add_argument("--cold", type=Path, help="of `distil bench cold -o`")
    parser.add_argument("--load", type=Path, help="of `distil bench load -o`")
    parser.add_argument("--history", type=Path, help="directory of earlier results")
    parser.add_argument("--peers", type=Path, help="bench/results/peers.jsonl")
    args = parser.parse_args()
    run = _load(args.results)
    for form, render in (("markdown", markdown), ("junit", junit), ("github", github)):
        if getattr(args, form):
            _write(getattr(args, form), render(run))
    if args.html:
        cold = _load(args.cold) if args.cold else None
        load = _load(args.load) if args.load else None
        page = report(run, cold, load, _history(args.history, run), _peers(args.peers))
        _write(args.html, page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
