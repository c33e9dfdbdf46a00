# SPDX-License-Identifier: Apache-2.0
"""Turn what `distil bench` measured into other forms.

    python3 bench/report.py results.json --markdown comment.md --junit junit.xml --github bench.json
    python3 bench/report.py results.json --html report.html --cold cold.json --load load.json \
        --compare compare.json --history DIRECTORY --peers build/peers/results.jsonl

The script needs nothing but Python 3.9. The HTML report is one file that contains its charts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

sys.dont_write_bytecode = True
import report_page  # noqa: E402
from report_page import WORDS, Result, Run  # noqa: E402

_verdict = report_page.verdict


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
        f"{seen.count('inconclusive')} inconclusive, {seen.count('absent')} not measured here, "
        f"{seen.count('other-cpu')} for other CPUs"
    )


def _rows(run: Run) -> list[list[str]]:
    rows = []
    for r in run["results"]:
        verdict = _verdict(r)
        cells = [" ".join(WORDS[verdict]), r["name"]]
        if r["status"] == "done":
            cells += [f"{_figure(r['value'])} {r['unit']}", _interval(r), _figure(r["max"])]
            cells += [_headroom(r), r["why"]]
        else:
            cells += ["", "", _figure(r["max"]), "", r["reason"]]
        rows.append(cells)
    return rows


HEAD = ["verdict", "budget", "measured", "99 % interval", "allowed", "headroom", "why"]


def _compared(compare: Run) -> list[str]:
    """The comparison of two builds as lines of Markdown."""
    lines = [f"### New build against old: {compare['verdict']}", ""]
    lines += [
        "| | old ms | new ms | new / old | 99 % interval | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for one in compare["lines"]:
        interval = f"{one['ratio_low']:.3f} – {one['ratio_high']:.3f}"
        lines.append(
            f"| {one['what']} | {one['old_ms']:.4g} | {one['new_ms']:.4g} | {one['ratio']:.3f} "
            f"| {interval} | {one['verdict']} |"
        )
    return [*lines, ""]


def markdown(run: Run, compare: Run | None = None) -> str:
    """The run as Markdown, for a comment on a pull request."""
    bad = [r for r in run["results"] if _verdict(r) in ("fail", "failed")]
    lines = [f"### Benchmarks: {_counts(run)}", ""]
    for r in bad:
        reason = r.get("reason") or (
            f"{_figure(r['value'])} {r['unit']}, allowed {_figure(r['max'])}"
        )
        what = "is over its budget" if _verdict(r) == "fail" else "could not be measured"
        lines += [f"**{r['name']} {what}**: {reason}. {r['why']}", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in _rows(run)]
    lines += [""] + (_compared(compare) if compare else [])
    lines += [f"{run['cpu']}, {run['level']}; {run['seconds']:.0f} s; {run['date']}"]
    return "\n".join(lines) + "\n"


def _case(name: str, body: str) -> str:
    return f'  <testcase classname="bench" name={quoteattr(name)}>{body}</testcase>'


def _compared_case(one: Run) -> str:
    """One line of a comparison as a test case. "slower" is a failure, "inconclusive" is skipped."""
    text = f"new / old {one['ratio']:.3f}, {one['ratio_low']:.3f} to {one['ratio_high']:.3f}"
    kind = {"slower": "failure", "inconclusive": "skipped"}.get(one["verdict"])
    body = f"<{kind} message={quoteattr(one['verdict'] + ': ' + text)}/>" if kind else ""
    return _case(f"compare: {one['what']}", body)


def junit(run: Run, compare: Run | None = None) -> str:
    """The run as JUnit XML: one test case for each budget and each line of a comparison. Cases
    without a verdict are skipped.
    """
    lines = compare["lines"] if compare else []
    cases = [_compared_case(one) for one in lines]
    failures = sum(one["verdict"] == "slower" for one in lines)
    skipped = sum(one["verdict"] == "inconclusive" for one in lines)
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
        cases.append(_case(r["name"], body))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name="distil bench" tests="{len(cases)}" failures="{failures}" '
        f'skipped="{skipped}" time="{run["seconds"]:.1f}" timestamp={quoteattr(run["date"])}>\n'
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )


def github(run: Run) -> str:
    """The run in the format customSmallerIsBetter of github-action-benchmark."""
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
    parser.add_argument("--compare", type=Path, help="of `distil bench compare -o`")
    parser.add_argument("--peers", type=Path, help="results.jsonl of bench/peers/run.sh, if there")
    args = parser.parse_args()
    run = _load(args.results)
    compare = _load(args.compare) if args.compare else None
    if args.markdown:
        _write(args.markdown, markdown(run, compare))
    if args.junit:
        _write(args.junit, junit(run, compare))
    if args.github:
        _write(args.github, github(run))
    if args.html:
        cold = _load(args.cold) if args.cold else None
        load = _load(args.load) if args.load else None
        history = _history(args.history, run)
        _write(args.html, report_page.page(run, cold, load, history, _peers(args.peers), compare))
    return 0


if __name__ == "__main__":
    sys.exit(main())
