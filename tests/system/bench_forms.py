#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks for tests/system/test_bench_harness.sh on the forms of results. Works in the current
directory.

    bench_forms.py schemas BENCH NAME=KIND...  NAME.json is valid by the schemas; with a key removed
                                               or added it is not
    bench_forms.py make                        writes every.json, slower.json, history/ and
                                               peers.jsonl from results.json, with every verdict
                                               and with texts that need escaping
    bench_forms.py forms RUN                   junit.xml, github.json and comment.md agree with RUN
    bench_forms.py page every|alone RUN        report.html is one sound page, and complete
    bench_forms.py action ROOT                 bench/action.yml, its script and README agree

An assertion that fails is the message. Only `schemas` needs the package jsonschema.
"""

import copy
import json
import re
import sys
import xml.etree.ElementTree as tree
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path


def load(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def store(path, value):
    Path(path).write_text(json.dumps(value), encoding="utf-8")


def verdict(result):
    return result["verdict"] if result["status"] == "done" else result["status"]


def of_status(run, status):
    return [result for result in run["results"] if result["status"] == status]


def schemas(bench, *names):
    import jsonschema

    schema, budgets = load(f"{bench}/results.schema.json"), load(f"{bench}/budgets.schema.json")
    for one in (schema, budgets):
        jsonschema.Draft202012Validator.check_schema(one)
    jsonschema.validate(load(f"{bench}/budgets.json"), budgets)
    for name, kind in (pair.split("=") for pair in names):
        validator = jsonschema.Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})
        value = load(f"{name}.json")
        validator.validate(value)
        for key in value:
            less = {k: v for k, v in value.items() if k != key}
            assert not validator.is_valid(less), f"{name}.json needs no {key}"
        assert not validator.is_valid({**value, "colour": 1}), f"{name}.json takes any key"
    validator = jsonschema.Draft202012Validator(schema)
    run = load("results.json")
    done = of_status(run, "done")[0]
    wrong = {"verdict": "maybe", "value": "1", "status": "absent", "unit": "m", "max": 0}
    for key, value in wrong.items():
        bad = {**copy.deepcopy(run), "results": [{**done, key: value}]}
        assert not validator.is_valid(bad), f"{key} may be {value}"


# ---- the inputs of reports ---------------------------------------------------------------------


def make():
    run = load("results.json")
    common = {"unit": "bytes", "why": 'a "reason" | <with> & marks', "max": 100}
    done = {**of_status(run, "done")[0], **common}

    def exact(name, value, result):
        return {**done, "name": name, "value": value, "low": value, "high": value,
                "verdict": result}  # fmt: skip

    def latency(tokens, ms):
        times = {"unit": "x arithmetic", "ms": ms, "reference_ms": 3.5}
        return {**exact(f"latency/avx2/{tokens}", 50, "pass"), **times, "low": 49, "high": 51}

    def missing(name, status, reason):
        return {**common, "name": name, "status": status, "reason": reason}

    run["model"]["file"], run["level"] = "sst2.distil", "avx2"
    run["results"] = [
        exact("size/pass", 50, "pass"),
        latency(32, 4.5),
        latency(128, 9.25),
        exact("size/over", 200, "fail"),
        {**exact("size/doubt", 90, "inconclusive"), "low": 80, "high": 110, "quiet": 0.25},
        {**exact("size/busy", 150, "inconclusive"), "low": 140, "high": 160, "quiet": 0.25},
        missing("size/absent", "absent", "not <built>"),
        missing("size/other", "other-cpu", "this CPU has no avx2"),
        missing("size/failed", "failed", "went & failed"),
    ]
    store("every.json", run)
    run["date"], run["revision"] = "2020-01-01T00:00:00Z", "0123456789"
    run["results"][1].update(value=100, low=99, high=101)
    Path("history").mkdir(exist_ok=True)
    store("history/1.json", run)
    make_compare()
    make_peers()


def make_compare():
    old = {"old_ms": 1.0, "rounds": 12, "quiet": 1.0}
    slower = {"new_ms": 2.0, "ratio": 2.0, "ratio_low": 1.9, "ratio_high": 2.1}
    doubt = {"new_ms": 1.0, "ratio": 1.0, "ratio_low": 0.9, "ratio_high": 1.1}
    lines = [
        {**old, **slower, "what": "8 tokens", "verdict": "slower"},
        {**old, **doubt, "what": "start", "verdict": "inconclusive"},
    ]
    store("slower.json", {"verdict": "slower", "version": 1, "lines": lines})


def make_peers():
    ms = {"distil": {"median": 9.0}, "onnxruntime": {"median": 21.5}}
    records = (
        {"record": "host", "cpu": "a CPU", "revision": "abc"},
        {"record": "engine", "model": "sst2", "engine": "onnxruntime", "version": "9.8.7"},
        {"record": "latency", "model": "sst2", "tokens": 128, "ms": ms},
        {"record": "latency", "model": "base", "tokens": 64, "ms": ms},
        {"record": "start", "model": "sst2", "program": "onnxruntime from Python",
         "median_ms": 321.0},
    )  # fmt: skip
    Path("peers.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")


# ---- forms for programs, and the comment -----------------------------------------------------


def forms(path):
    run, compare = load(path), load("slower.json")
    results = {result["name"]: result for result in run["results"]}
    junit(results, compare["lines"])
    github(results)
    comment(results)


def junit(results, lines):
    """The counts of the suite are true, and each case has at most one outcome."""
    suite = tree.parse("junit.xml").getroot()
    assert suite.tag == "testsuite"
    assert all(case.tag == "testcase" and case.get("classname") for case in suite)
    names = [f"compare: {line['what']}" for line in lines] + list(results)
    assert [case.get("name") for case in suite] == names
    outcome = {case.get("name"): [child.tag for child in case] for case in suite}
    tags = {"pass": [], "fail": ["failure"], "failed": ["failure"]}
    for name, result in results.items():
        assert outcome[name] == tags.get(verdict(result), ["skipped"]), (name, outcome[name])
    assert outcome["compare: 8 tokens"] == ["failure"] and outcome["compare: start"] == ["skipped"]
    assert all(child.get("message") for case in suite for child in case)
    for count, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
        assert int(suite.get(count)) == len(list(suite.iter(tag))), count
    assert float(suite.get("time")) >= 0
    datetime.strptime(suite.get("timestamp"), "%Y-%m-%dT%H:%M:%SZ")


def github(results):
    """The file has the format customSmallerIsBetter: an array of objects with name, unit, value and
    more texts.
    """
    entries = load("github.json")
    done = [name for name, result in results.items() if result["status"] == "done"]
    assert [entry["name"] for entry in entries] == done
    for entry in entries:
        assert set(entry) == {"name", "unit", "value", "range", "extra"}
        assert type(entry["value"]) in (int, float)
        assert entry["value"] == results[entry["name"]]["value"]
        assert all(isinstance(entry[key], str) for key in ("unit", "range", "extra"))
        assert entry["unit"]


def comment(results):
    """All rows are complete and have a verdict, and a budget that is exceeded is named above the
    table.
    """
    text = Path("comment.md").read_text(encoding="utf-8")
    assert text.startswith("### Benchmarks: ")
    table = [re.split(r"(?<!\\)\|", row)[1:-1] for row in text.splitlines() if row[:1] == "|"]
    rows = {cells[1].strip(): cells for cells in table if len(cells) == 7}
    assert len([cells for cells in table if len(cells) == 7]) == len(results) + 2
    words = {"pass": "within", "fail": "over", "failed": "failed", "inconclusive": "cannot tell",
             "absent": "not measured", "other-cpu": "other CPU"}  # fmt: skip
    for name, result in results.items():
        assert rows[name][0].strip().endswith(words[verdict(result)]), name
        assert (f"**{name} " in text) == (verdict(result) in ("fail", "failed")), name
    assert "| 8 tokens | 1 | 2 | 2.000 | 1.900 – 2.100 | slower |" in text


# ---- the page --------------------------------------------------------------------------------

SECTIONS = [
    "How to read this page", "Budgets", "Compared with another build",
    "Time for a text by its length", "Cold start", "Under load", "Beside other engines", "History",
]  # fmt: skip


class Page(HTMLParser):
    """Collects the words and headings of a page. Asserts that every element is closed, nothing
    refers to another file, and no number is NaN or infinite.
    """

    void = {"meta", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words, self.headings = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "onload"), (tag, name, value)
            assert not re.search(r"\b(nan|inf)\b", value or ""), (tag, name, value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def page(kind, path):
    text = Path("report.html").read_text(encoding="utf-8")
    fetched = r"https?:|//[a-z]|url\(|@import|<(script|link|img|iframe|object)\b"
    assert not re.search(fetched, text, re.IGNORECASE)
    found = Page()
    found.feed(text)
    found.close()
    said = " ".join(" ".join(found.words).split())
    assert found.open == []
    for result in load(path)["results"]:
        assert result["name"] in said, result["name"]
    if kind == "alone":
        assert "Beside other engines" not in found.headings and "History" not in found.headings
        return
    assert found.headings == SECTIONS, found.headings
    assert found.tags.count("svg") >= 4
    for words in (
        "Budget not kept: size/over, size/failed", "The new build is slower",
        "limit of the hardware: products alone, avx2", "ONNX Runtime (in another run)",
        "ONNX Runtime 9.8.7", "ONNX Runtime from Python 321 ms", "layer 6", "tokenise",
        "half are faster than", "-50.0 %",
        "0.14 kB to 0.16 kB, with 99 % confidence, is above what is allowed, but only 25 %",
        "0.08 kB to 0.11 kB, with 99 % confidence, reaches from below to above",
        "not <built>", "went & failed", 'a "reason" | <with> & marks',
    ):  # fmt: skip
        assert words in said, words
    chart = text[text.index("Time for a text by its length") : text.index("<h2>Cold start")]
    for point in ("9.25 ms at 128 tokens", "21.5 ms at 128 tokens", "3.5 ms at 32 tokens"):
        assert point in chart, point
    assert "64 tokens" in said and "64 tokens" not in chart  # another model's


# ---- the action ------------------------------------------------------------------------------


def action(root):
    """The inputs of the action are what its script reads and what README shows."""
    text = Path(f"{root}/bench/action.yml").read_text(encoding="utf-8")
    script = Path(f"{root}/bench/action.sh").read_text(encoding="utf-8")
    readme = Path(f"{root}/README.md").read_text(encoding="utf-8")
    head, rest = text.split("\noutputs:\n")
    rest = rest.split("\nruns:\n")[0]
    inputs, outputs = (set(re.findall(r"^  ([a-z-]+):$", part, re.M)) for part in (head, rest))
    assert inputs and set(re.findall(r"inputs\.([a-z-]+)", text)) == inputs
    assert outputs and set(re.findall(r"outputs\.([a-z-]+)", text)) == outputs
    given = set(re.findall(r"^        ([A-Z_]+):", text, re.M)) - {"ACTION_PATH"}
    read = set(re.findall(r"\$\{([A-Z_]+):-", script)) - {"DISTIL_BUILD"}
    assert {name for name in read if not name.startswith("GITHUB_")} == given, (read, given)
    assert all(f" {name} " in script for name in outputs)
    shown = re.search(r"distilbert\.c/bench\n  with: \{(.*)\}", readme)
    assert {pair.split(":")[0].strip() for pair in shown[1].split(",")} <= inputs


if __name__ == "__main__":
    {"schemas": schemas, "make": make, "forms": forms, "page": page, "action": action}[sys.argv[1]](
        *sys.argv[2:]
    )
