#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare pairs, zero-shot classification and ranking with the answers that tests/data/pairs has.

    pairs_agree.py DISTIL PAIRS

Scores must be within 0.03 of the real library's, which is the error of 8-bit weights in these small
models of large weights; a logit must be within 1 % of the greatest of the folder. Labels
and passages must come in the library's order unless their scores are closer than the bound.
"""

import json
import os
import subprocess
import sys
import tempfile

passed = failed = 0


def check(condition, message):
    """Count a case."""
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"not ok {message}")


def run(distil, *arguments, text=None):
    """The objects that a command writes."""
    done = subprocess.run([distil, *arguments], input=text, capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode())
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_same(ours, expected, bound):
    """Compare two lists of (name, score) in order."""
    scores, truth = dict(ours), dict(expected)
    if sorted(scores) != sorted(truth) or len(ours) != len(expected):
        return False
    if any(abs(scores[name] - truth[name]) > bound for name in truth):
        return False
    return all(truth[a] >= truth[b] - 2 * bound
               for i, (a, _) in enumerate(ours) for b, _ in ours[i:])


def listed(answer):
    return [(item["label"], item["score"]) for item in answer["labels"]]


def compare_pairs(distil, blob, name, golden, bound):
    """All pairs by one table, and each of them alone."""
    rows = "".join(json.dumps({"premise": g["text"], "other": g["pair"]}) + "\n" for g in golden)
    table = run(distil, "classify", "-m", blob, "--input", "jsonl", "--text-field", "premise",
                "--pair-field", "other", text=rows.encode())
    check(len(table) == len(golden), f"{name}: {len(table)} rows")
    for g, row in zip(golden, table):
        one = run(distil, "classify", "-m", blob, "--jsonl", "--top-k", "0", "--pair", g["pair"],
                  g["text"])
        where = f"{name} pair {g['text']!r} {g['pair']!r}"
        expected = [(item["label"], item["score"]) for item in g["answer"]]
        check(one and is_same(listed(one[0]), expected, bound), f"{where}: {one} {expected}")
        check(one and (one[0]["label"], one[0]["score"]) == (row["label"], row["score"]),
              f"{where}: the table has {row}")


def compare_zero_shot(distil, blob, name, golden):
    """The texts of each combination of options by one file."""
    groups = {}
    for g in golden:
        groups.setdefault((g["candidates"], g["template"], g["multi"]), []).append(g)
    for (candidates, template, multi), group in groups.items():
        options = ["--candidates", candidates, "--top-k", "0", "--jsonl"]
        options += ["--template", template] if template else []
        options += ["--multi"] if multi else []
        lines = "".join(g["text"] + "\n" for g in group).encode()
        ours = run(distil, "classify", "-m", blob, *options, text=lines)
        threads = run(distil, "classify", "-m", blob, "--threads", "2", "--batch", "2", *options,
                      text=lines)
        check(len(ours) == len(group) and ours == threads, f"{name} {options}: {len(ours)} answers")
        for g, one in zip(group, ours):
            expected = list(zip(g["labels"], g["scores"]))
            check(is_same(listed(one), expected, 0.03), f"{name} {options} {g['text']!r}: "
                  f"{listed(one)} {expected}")


def compare_rank(distil, blob, name, golden, bound):
    for g in golden:
        lines = "".join(text + "\n" for text in g["passages"]).encode()
        ours = run(distil, "rank", "-m", blob, "--query", g["query"], "--jsonl", text=lines)
        expected = [(item["index"], item["score"]) for item in g["ranking"]]
        got = [(item["index"], item["score"]) for item in ours]
        check(is_same(got, expected, bound), f"{name} query {g['query']!r}: {got} {expected}")
        check(all(item["text"] == g["passages"][item["index"]] for item in ours),
              f"{name} query {g['query']!r}: passages")


def compare(distil, folder, blob):
    name = os.path.basename(folder)
    done = subprocess.run([distil, "convert", folder, "-o", blob], capture_output=True, check=False)
    check(done.returncode == 0, f"{name}: convert: {done.stderr.decode()}")
    with open(os.path.join(folder, "answers.jsonl"), encoding="utf-8") as file:
        golden = [json.loads(line) for line in file]
    kinds = {kind: [g for g in golden if g["kind"] == kind]
             for kind in ("pair", "zero-shot", "rank")}
    is_logit = name in ("ranker_identity", "ranker_old")
    scores = [item["score"] for g in kinds["rank"] for item in g["ranking"]]
    bound = 0.01 * max(map(abs, scores)) if is_logit else 0.03
    if not is_logit:  # The pipeline knows nothing of the activation of sentence-transformers.
        compare_pairs(distil, blob, name, kinds["pair"], 0.03)
    compare_zero_shot(distil, blob, name, kinds["zero-shot"])
    compare_rank(distil, blob, name, kinds["rank"], bound)


def main():
    distil, pairs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(os.listdir(pairs)):
            compare(distil, os.path.join(pairs, name), os.path.join(directory, "blob"))
    print(f"test_pairs_agree: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
