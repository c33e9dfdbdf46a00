# SPDX-License-Identifier: Apache-2.0
"""The HTML page of bench/report.py: one file that contains its style and charts."""

from __future__ import annotations

import re
from html import escape
from typing import Any, Sequence

import report_charts as charts

Run = dict[str, Any]
Result = dict[str, Any]

OURS, CEILING = "#c2410c", "#6b7280"
OTHERS = ("#f59e0b", "#a16207", "#7c3aed", "#be185d")
ENGINES = {
    "distil": ("distil", OURS),
    "onnxruntime": ("ONNX Runtime", "#1d4ed8"),
    "openvino": ("OpenVINO", "#0f766e"),
}
SHADES = ("#7c2d12", "#c2410c", "#ea580c", "#fb923c")
WORDS = {
    "pass": ("✓", "within"),
    "fail": ("✗", "over"),
    "failed": ("✗", "failed"),
    "inconclusive": ("?", "cannot tell"),
    "absent": ("–", "not measured"),
    "other-cpu": ("–", "other CPU"),
}

# The groups of budgets on the page: title, what is measured in words, and the kinds of measure.h.
GROUPS = (
    ("Speed of one classification",
     "One thread. <b>× arithmetic</b>: how many times longer it takes than the matrix products "
     "alone would at the best rate of this CPU's instructions; 1 cannot be beaten. "
     "<b>× reading</b>: the same against reading the model's weights from memory once.",
     ("latency", "stream", "ms", "p95_ms")),
    ("Starting",
     "Fresh processes, files already in memory. <b>× empty process</b>: how many times longer "
     "than starting and ending a program that does nothing.",
     ("first_label", "next_request", "image_start", "cold_start_ms")),
    ("Memory and size", "Bytes: next to the same on every machine.",
     ("resident", "blob_touched", "size")),
    ("Work", "Instructions that the CPU executes for one text, counted, so without noise.",
     ("instructions",)),
)  # fmt: skip
PHASES = {
    "exec": "creating and loading the program",
    "relocations": "relocating the program's addresses",
    "open": "mapping the model file",
    "tokenise": "text to token numbers",
    "memory": "working memory",
    "embed": "looking up the tokens' vectors",
    "layer": "transformer layer",
    "head": "label and score",
    "exit": "ending the process",
    "request": "until the image asks for an event",
    "answer": "until it has answered the event",
}

STYLE = """
:root { --ink: #1f2937; --soft: #57606a; --line: #e5e7eb; --good: #0f766e; --bad: #b91c1c;
  --doubt: #b45309; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink);
  background: #fafaf9; margin: 0; }
main { max-width: 64rem; margin: 2rem auto 4rem; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .3rem; } h3 { font-size: 1rem; margin: 1.1rem 0 .1rem; }
p { margin: .2rem 0 .7rem; max-width: 52rem; } p.sub, .sub { color: var(--soft); }
.card { overflow-x: auto; background: #fff; border: 1px solid #e7e5e4;
  border-radius: 8px; padding: 1rem 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .34rem .6rem .34rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td:last-child, th:last-child { padding-left: 1.2rem; padding-right: 0; }
td[colspan] { padding-left: 0; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.group td { border-bottom: 1px solid #d6d3d1; padding-top: 1.1rem; }
tr.noted td { border-bottom: 0; padding-bottom: 0; }
tr.group b { font-weight: 600; } tr.group strong { font-size: .98rem; }
.why { color: var(--soft); font-size: .8rem; }
.pill { display: inline-block; white-space: nowrap; font-weight: 600; }
.pass { color: var(--good); } .fail, .failed { color: var(--bad); }
.inconclusive { color: var(--doubt); } .absent, .other-cpu { color: var(--soft); }
.gauge { position: relative; height: 14px; width: 9.5rem; background: #f3f4f6; margin-top: .2rem; }
.gauge i { position: absolute; top: 2px; bottom: 2px; left: 0; background: currentColor;
  opacity: .75; }
.gauge b { position: absolute; top: 6px; height: 2px; background: var(--ink); min-width: 2px; }
.gauge u { position: absolute; top: -2px; bottom: -2px; left: 80%; width: 2px;
  background: var(--ink); }
.peer { display: grid; grid-template-columns: 12rem 1fr; gap: .1rem .8rem; align-items: center;
  font-size: .86rem; } .peer .of { grid-column: 1 / 3; margin-top: .6rem; font-weight: 600; }
.peer i { display: inline-block; height: 13px; vertical-align: -2px; border-radius: 1.5px;
  margin-right: .5rem; min-width: 2px; } .peer > span { text-align: right; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.3rem; font-size: .84rem;
  margin-bottom: .4rem; }
.legend i { display: inline-block; width: 26px; vertical-align: 4px; margin-right: .45rem; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg text.tick { fill: var(--soft); } svg text.name { fill: var(--soft); font-size: 12.5px; }
svg text.strongname, svg text.value { font-weight: 600; }
svg text.halo { paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
.grid { stroke: var(--line); } .axis { stroke: #9ca3af; } .mark { stroke: var(--ink);
  stroke-dasharray: 2 3; } .whisker { stroke: #d6d3d1; stroke-width: 5; }
.limit { stroke: var(--bad); stroke-dasharray: 4 3; }
td.spark { width: 21rem; } td.spark svg { width: 20.5rem; }
"""


def verdict(result: Result) -> str:
    """The verdict on a result, or the reason why it has no figure."""
    return str(result["verdict"] if result["status"] == "done" else result["status"])


def figure(value: float, unit: str) -> str:
    """A figure for people: bytes as MB or kB, counts in millions, all else with three digits."""
    if unit == "bytes":
        return f"{value / 1e6:.3g} MB" if value >= 1e6 else f"{value / 1e3:.3g} kB"
    if unit == "instructions":
        return f"{value / 1e6:.3g} million"
    return f"{charts.number(value)} {'ms' if unit == 'ms' else '×'}"


def title(name: str) -> str:
    """What a budget's name means, in words."""
    kind, _, rest = name.partition("/")
    level, _, tokens = rest.partition("/")
    words = {
        "latency": f"{tokens} tokens, {level}",
        "stream": f"{tokens} tokens, {level}, against memory",
        "ms": f"{tokens} tokens, {level}",
        "instructions": f"{tokens} tokens, {level}",
        "p95_ms": f"{rest} tokens, 95 % are faster than this",
        "first_label": "Command: start to label",
        "next_request": "Lambda function: start to its first request for work",
        "image_start": "Container image: start to its answer to one event"
        + (", the model not verified" if rest == "none" else ""),
        "cold_start_ms": "Command: start to label, in milliseconds",
        "resident": "Peak memory of a process that has classified a text",
        "blob_touched": "Part of the model file that is in memory then",
        "size": f"Size of {rest}",
    }
    return words.get(kind, name)


def headline(run: Run) -> tuple[str, str]:
    """The outcome of the run in one sentence, and the style class of its colour."""
    seen = [verdict(r) for r in run["results"]]
    over = [r["name"] for r in run["results"] if verdict(r) in ("fail", "failed")]
    if over:
        more = f" and {len(over) - 3} more" if len(over) > 3 else ""
        return f"Budget not kept: {', '.join(over[:3])}{more}", "fail"
    unknown = seen.count("inconclusive")
    if unknown:
        return f"Nothing is over its budget; {unknown} could not be judged", "inconclusive"
    if "pass" not in seen:
        return "Nothing was measured", "inconclusive"
    absent = seen.count("absent")
    return (f"All {seen.count('pass')} budgets that were measured hold; {absent} were not measured"
            if absent else f"All {seen.count('pass')} budgets hold"), "pass"  # fmt: skip


# ---- budgets -------------------------------------------------------------------------------------


def _gauge(r: Result) -> str:
    """A bar for a figure, in which a mark at four fifths is the limit."""

    def share(value: float) -> float:
        return min(max(80 * value / r["max"], 0), 100)

    low, high = share(r["low"]), share(r["high"])
    whisker = f'<b style="left:{low:.1f}%;width:{high - low:.1f}%"></b>' if high > low else ""
    return (
        f'<div class="gauge {verdict(r)}"><i style="width:{share(r["value"]):.1f}%"></i>{whisker}'
        "<u></u></div>"
    )


def _row(r: Result) -> str:
    what = verdict(r)
    mark, word = WORDS[what]
    name = f'<td>{escape(title(r["name"]))}<br><code class="why">{escape(r["name"])}</code></td>'
    pill = f'<td><span class="pill {what}">{mark} {word}</span></td>'
    if r["status"] != "done":
        return (
            f'<tr class="noted">{name}<td></td><td></td>'
            f'<td class="n">{figure(r["max"], r["unit"])}</td><td></td>{pill}</tr>'
            f'<tr><td colspan="6" class="why">{escape(r["reason"])}</td></tr>'
        )
    time = f'<br><span class="why">{charts.number(r["ms"])} ms</span>' if r["ms"] else ""
    time = "" if r["unit"] == "ms" else time
    row = (
        f"<tr{' class=noted' if what != 'pass' else ''}>{name}<td>{_gauge(r)}</td>"
        f'<td class="n">{figure(r["value"], r["unit"])}{time}</td>'
        f'<td class="n">{figure(r["max"], r["unit"])}</td>'
        f'<td class="n">{100 * (1 - r["value"] / r["max"]):.0f} %</td>{pill}</tr>'
    )
    if what != "pass":
        row += (
            f'<tr><td colspan="6" class="why">{_explain(r, what)} Reason given for the budget: '
            f"{escape(r['why'])}. Again: <code>distil bench run --only {escape(r['name'])}</code>"
            "</td></tr>"
        )
    return row


def _explain(r: Result, what: str) -> str:
    interval = f"{figure(r['low'], r['unit'])} to {figure(r['high'], r['unit'])}"
    if what == "fail":
        return f"Over: {interval}, with 99 % confidence, is above what is allowed."
    quiet = f"{100 * r['quiet']:.0f} % of the rounds were undisturbed"
    if r["low"] > r["max"]:
        return (
            f"{interval}, with 99 % confidence, is above what is allowed, but only {quiet}: other "
            "programs may have done it, so no verdict is given."
        )
    return (
        f"{interval}, with 99 % confidence, reaches from below to above what is allowed; {quiet}: "
        "too uncertain for a verdict, so none is given."
    )


def _budgets(run: Run) -> str:
    rows = ""
    for name, explanation, kinds in GROUPS:
        members = [r for r in run["results"] if r["name"].partition("/")[0] in kinds]
        if members:
            rows += (
                f'<tr class="group"><td colspan="6"><strong>{name}</strong><br>'
                f'<span class="sub">{explanation}</span></td></tr>'
            )
            rows += "".join(_row(r) for r in members)
    return (
        "<table><tr><th>what is measured</th><th>share of the budget</th>"
        '<th class="n">measured</th><th class="n">allowed</th><th class="n">headroom</th>'
        "<th>verdict</th></tr>"
        f"{rows}</table>"
    )


# ---- the other sections --------------------------------------------------------------------------


def _model_key(run: Run) -> str:
    return str(run["model"]["file"]).partition(".")[0]


def _latency(run: Run, peers: list[dict[str, Any]]) -> str:
    points: dict[str, list[Result]] = {}
    for r in run["results"]:
        found = re.fullmatch(r"latency/(\w+)/(\d+)", r["name"])
        if found and r["status"] == "done":
            points.setdefault(found[1], []).append({**r, "tokens": int(found[2])})
    best = run["level"] if run["level"] in points else next(iter(points), "")
    if not best:
        return ""
    series = [
        charts.Series(
            f"distil, {best} (this CPU's best)" if best == run["level"] else f"distil, {best}",
            [(r["tokens"], r["ms"]) for r in points[best]],
            OURS,
            strong=True,
        )
    ]
    others = (level for level in points if level != best)
    for colour, level in zip(OTHERS, others):
        series.append(
            charts.Series(
                f"distil, {level}", [(r["tokens"], r["ms"]) for r in points[level]], colour
            )
        )
    series.append(
        charts.Series(
            f"limit of the hardware: products alone, {best}",
            [(r["tokens"], r["reference_ms"]) for r in points[best]],
            CEILING,
            dashed=True,
        )
    )
    for engine, values in _peer_latency(peers, _model_key(run)).items():
        if engine != "distil":
            name, colour = ENGINES.get(engine, (engine, OTHERS[-1]))
            series.append(charts.Series(f"{name} (in another run)", values, colour))
    return charts.lines(series, "tokens in the text (logarithmic)", "milliseconds (logarithmic)")


def _peer_latency(peers: list[dict[str, Any]], model: str) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, dict[float, float]] = {}
    for record in peers:
        if record.get("record") == "latency" and record.get("model") == model:
            for engine, ms in record["ms"].items():
                found.setdefault(engine, {})[record["tokens"]] = ms["median"]
    return {engine: sorted(points.items()) for engine, points in found.items()}


def _program(name: str) -> str:
    """A name such as "onnxruntime from Python", with the proper name of the engine."""
    first, _, rest = name.partition(" ")
    return f"{ENGINES.get(first, (first,))[0]} {rest}".strip()


def _bars(rows: Sequence[tuple[str, float, str]]) -> str:
    most = max(value for _, value, _ in rows)
    return "".join(
        f'<span>{escape(name)}</span><div><i style="width:{68 * value / most:.2f}%;'
        f'background:{colour}"></i>{charts.number(value)} ms</div>'
        for name, value, colour in rows
    )


def _peers(peers: list[dict[str, Any]]) -> str:
    host = next((r for r in peers if r.get("record") == "host"), {})
    versions = {r["engine"]: r["version"] for r in peers if r.get("record") == "engine"}
    parts = []
    for model in sorted({r["model"] for r in peers if r.get("record") in ("latency", "start")}):
        rows = []
        for record in peers:
            if record.get("record") != "latency" or record["model"] != model:
                continue
            rows.append(f'<div class="of">One text of {record["tokens"]} tokens, one thread</div>')
            rows.append(
                _bars(
                    [
                        (ENGINES.get(e, (e,))[0], ms["median"], ENGINES.get(e, ("", OTHERS[-1]))[1])
                        for e, ms in record["ms"].items()
                    ]
                )
            )
        starts = [r for r in peers if r.get("record") == "start" and r["model"] == model]
        if starts:
            rows.append('<div class="of">From process start to the first label</div>')
            rows.append(
                _bars(
                    [
                        (
                            _program(r["program"]),
                            r["median_ms"],
                            ENGINES.get(r["program"].split()[0], ("", CEILING))[1],
                        )
                        for r in starts
                    ]
                )
            )
        size = {
            "base": "DistilBERT base size, 6 layers of 768/3072",
            "sst2": "the shipped model, 6 layers of 384/1536",
        }.get(model, model)
        parts.append(f'<h3>{escape(size)}</h3><div class="peer">{"".join(rows)}</div>')
    if not parts:
        return ""
    names = ", ".join(f"{ENGINES.get(e, (e,))[0]} {v}" for e, v in versions.items())
    note = (
        f"{names}; {host.get('cpu', '')}; revision {host.get('revision', '')}. Another run than "
        "the rest of this page: compare the bars with each other only."
    )
    return f'<p class="sub">{escape(note)}</p>' + "".join(parts)


def _cold(cold: dict[str, Any]) -> str:
    parts = []
    for start in cold["starts"]:
        where = (
            "Model file in memory already (page cache)"
            if start["cache"] == "warm"
            else "Model file on disk only (evicted from the page cache before each start)"
        )
        parts.append(
            f"<h3>{where}: {charts.number(start['total_ms'])} ms</h3>"
            f'<p class="sub">Median of {start["runs"]} processes; '
            f"{start['read_bytes'] / 1e6:.1f} of {start['blob_bytes'] / 1e6:.1f} MB read from "
            "disk.</p>" + charts.timeline(start["phases"], PHASES, start["total_ms"], SHADES)
        )
    return "".join(parts)


def _load(load: dict[str, Any]) -> str:
    note = (
        f"{load['events']:,} events in {load['seconds']:.0f} s, {load['rate']:.0f} a second on "
        f"average, each a text of {load['mean_chars']:.0f} characters on average (every fifth has "
        f"512); {load['failed']} failed."
    )
    marks = {
        "half are faster than": load["p50_ms"], "95 % are faster than": load["p95_ms"],
        "99 % are faster than": load["p99_ms"], "slowest": load["max_ms"],
    }  # fmt: skip
    return f'<p class="sub">{note}</p>' + charts.histogram(load["histogram"], marks, OURS)


def _history(history: list[Run]) -> str:
    series: dict[str, list[Result]] = {}
    for run in history:
        label = f"{run['revision'][:8] or 'unknown'}, {run['date'][:10]}"
        for r in run["results"]:
            if r["status"] == "done":
                series.setdefault(r["name"], []).append({**r, "label": label})
    rows = ""
    for name, values in series.items():
        if len(values) < 2:
            continue
        first, last = values[0]["value"], values[-1]["value"]
        change = 100 * (last / first - 1)
        apart = values[-1]["low"] > values[0]["high"] or values[-1]["high"] < values[0]["low"]
        colour = "" if not apart or abs(change) < 3 else "fail" if change > 0 else "pass"
        unit = values[-1]["unit"]
        rows += (
            f'<tr><td>{escape(title(name))}<br><code class="why">{escape(name)}</code></td>'
            f'<td class="n">{figure(first, unit)}</td>'
            f'<td class="spark">{charts.sparkline(values, values[-1]["max"], OURS)}</td>'
            f'<td class="n">{figure(last, unit)}</td>'
            f'<td class="n {colour}">{change:+.1f} %</td></tr>'
        )
    if not rows:
        return ""
    begin, end = history[0], history[-1]
    note = (
        f"{len(history)} runs, from {begin['revision'][:8] or begin['date'][:10]} to "
        f"{end['revision'][:8] or end['date'][:10]}, a dot each; grey: 99 % interval; dashed red: "
        "the budget, where it is near. A change is coloured if it is beyond 3 % and the "
        "intervals of first and last do not overlap."
    )
    return (
        f'<p class="sub">{escape(note)}</p><table><tr><th>figure</th><th class="n">first</th>'
        f'<th></th><th class="n">last</th><th class="n">change</th></tr>{rows}</table>'
    )


def _compare(compare: dict[str, Any]) -> str:
    word = {"same": "the same", "faster": "faster", "slower": "slower",
            "inconclusive": "cannot tell"}  # fmt: skip
    rows = "".join(
        f'<tr><td>{escape(line["what"])}</td><td class="n">{charts.number(line["old_ms"])} ms</td>'
        f'<td class="n">{charts.number(line["new_ms"])} ms</td>'
        f'<td class="n">{100 * (line["ratio"] - 1):+.1f} %</td>'
        f'<td class="n">{100 * (line["ratio_low"] - 1):+.1f} to '
        f"{100 * (line['ratio_high'] - 1):+.1f} %</td><td>{word[line['verdict']]}</td></tr>"
        for line in compare["lines"]
    )
    sentence = {
        "same": "The new build is as fast as the old one",
        "faster": "The new build is faster",
        "slower": "The new build is slower",
        "inconclusive": "The machine was too busy to tell which build is faster",
    }
    return (
        f"<h3>{sentence[compare['verdict']]}</h3>"
        '<table><tr><th></th><th class="n">old</th><th class="n">new</th><th class="n">change</th>'
        f'<th class="n">99 % interval</th><th>verdict</th></tr>{rows}</table>'
    )


GUIDE = """
<p>distil classifies texts, for example as positive or negative, with a small neural network on one
CPU thread. A <b>budget</b> is a promise about it: how slow it may be, how large, how late to start.
This page compares one build with its budgets.</p>
<p>Machines that run such checks are shared and noisy. So most figures are not milliseconds but
<b>multiples (×) of what this very machine can do at its best</b>, measured in turn with it: a slow
or busy machine slows both down. <b>Less is better everywhere.</b> In the bars the upright mark is
the budget, and the thin dark line is the range in which the true figure lies with 99 % confidence.
A verdict is given only if the whole range is on one side of the mark; for <span class="fail">over
</span> at least half of the rounds must have been undisturbed too. Otherwise the verdict is <span
class="inconclusive">cannot tell</span>, which is no failure: run it again on a quieter machine. A
bar that fills the whole width may be longer than it can show. Below a figure that is <span
class="fail">over</span> stands the command that measures it again; <code>distil bench compare OLD
NEW</code> says whether a change is the cause.</p>
<p>A <b>token</b> is a word or a piece of one. A sentence has about 10 to 30, and a text has 512 at
most. Names such as <code>avx2</code> or <code>avx512vnni</code> are sets of CPU instructions. A CPU
uses the best set that it has; the others are measured for machines without it.</p>
"""


SECTIONS = (
    ("How to read this page", ""),
    ("Budgets", ""),
    (
        "Compared with another build",
        "Both builds run in turn on the same CPU. They differ if the whole interval is beyond ±3 %, "
        "and are the same if all of it is within ±5 %.",
    ),
    (
        "Time for a text by its length",
        "Lower is better. The dashed line is the time that the matrix products alone would take at "
        "the best rate of this CPU: no program that computes them can be faster.",
    ),
    (
        "Cold start",
        "The phases of a new process, from its creation until it has ended with its first label. A "
        "fault is a page of memory that the kernel had to bring in. The model is in memory after "
        "an earlier start, and on disk only after a reboot or on a new machine. This is a program "
        "of the harness that reads a clock between the phases, so its totals differ a little from "
        "those of the table.",
    ),
    (
        "Under load",
        "Events arrive at the Lambda function at random times, whether or not it has answered the "
        "last one. The time that an event waits for its turn counts.",
    ),
    (
        "Beside other engines",
        "The same model and texts on the same CPU core, with one thread. Shorter is better.",
    ),
    ("History", ""),
)


def page(
    run: Run,
    cold: Any = None,
    load: Any = None,
    history: Sequence[Run] = (),
    peers: Sequence[Any] = (),
    compare: Any = None,
) -> str:
    """The whole page, which leaves out the sections without data."""
    sentence, colour = headline(run)
    model = run["model"]
    facts = (
        ("Build", f"distil {run['distil']}, revision {run['revision'][:12] or 'unknown'}"),
        ("Model", f"{model['file']}, {model['layers']} layers of {model['dim']}/"
                  f"{model['hidden_dim']}, {model['labels']} labels"),
        ("Machine", f"{run['cpu']}, best instructions: {run['level']}"),
        ("Measured", f"{run['date'].replace('T', ' ').replace('Z', ' UTC')}, in "
                     f"{run['seconds']:.0f} seconds"),
    )  # fmt: skip
    contents = (
        GUIDE,
        _budgets(run),
        _compare(compare) if compare else "",
        _latency(run, list(peers)),
        _cold(cold) if cold else "",
        _load(load) if load else "",
        _peers(list(peers)) if peers else "",
        _history(list(history)),
    )
    sections = [(*section, content) for section, content in zip(SECTIONS, contents)]
    body = "".join(
        f"<h2>{name}</h2>" + (f'<p class="sub">{text}</p>' if text else "")
        + f'<div class="card">{content}</div>'
        for name, text, content in sections if content
    )  # fmt: skip
    details = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>distil: {escape(sentence)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1 class="{colour}">{escape(sentence)}</h1><dl>{details}</dl>{body}'
        "</main></body></html>\n"
    )
