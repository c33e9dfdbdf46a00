#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare pairs, zero-shot classification and ranking with the answers that tests/data/pairs has.

    pairs_agree.py DISTIL PAIRS

Scores must be within 0.12 of the real library's, and 95 % of the answers within half of that; logits
within 0.6. This is the error of 8-bit weights in these small models of large weights. Labels and passages must come in the library's order
unless their scores are closer than twice the bound. The scores of an answer lie much farther apart
than that, and the comparison itself is tested with wrong answers, which it must refuse.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

BOUND, LOGIT_BOUND = 0.12, 0.6
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


def compare_answers(where, ours, expected, bound, tally):
    """One answer, which counts as close in the tally if it is within half the bound."""
    check(is_same(ours, expected, bound), f"{where}: {ours} {expected}")
    tally["close"].append(is_same(ours, expected, bound / 2))


def judge(answers, bound, tally):
    """Count in the tally how many answers of programs that ignore the texts are refused: the best
    constant scores, the wrong order, and the answer for another text."""
    mean = {}
    for expected in answers:
        for label, score in expected:
            mean[label] = mean.get(label, 0) + score / len(answers)
    constant = sorted(mean.items(), key=lambda item: -item[1])
    for i, expected in enumerate(answers):
        names, scores = zip(*expected)
        tally["constant"].append(not is_same(constant, expected, bound))
        tally["other text"].append(not is_same(answers[i - 1], expected, bound))
        if len(names) > 1:
            flat = [(label, sum(scores) / len(scores)) for label in reversed(names)]
            tally["reversed"].append(not is_same(flat, expected, bound))


def listed(answer):
    return [(item["label"], item["score"]) for item in answer["labels"]]


def compare_pairs(distil, blob, name, golden, bound, tally):
    """All pairs by one table, and each of them alone."""
    rows = "".join(json.dumps({"premise": g["text"], "other": g["pair"]}) + "\n" for g in golden)
    table = run(distil, "classify", "-m", blob, "--input", "jsonl", "--text-field", "premise",
                "--pair-field", "other", text=rows.encode())
    check(len(table) == len(golden), f"{name}: {len(table)} rows")
    judge([[(item["label"], item["score"]) for item in g["answer"]] for g in golden], bound, tally)
    for g, row in zip(golden, table):
        one = run(distil, "classify", "-m", blob, "--jsonl", "--top-k", "0", "--pair", g["pair"],
                  g["text"])
        where = f"{name} pair {g['text']!r} {g['pair']!r}"
        expected = [(item["label"], item["score"]) for item in g["answer"]]
        compare_answers(where, listed(one[0]) if one else [], expected, bound, tally)
        check(one and (one[0]["label"], one[0]["score"]) == (row["label"], row["score"]),
              f"{where}: the table has {row}")


def compare_zero_shot(distil, blob, name, golden, tally):
    """The texts of each combination of options by one file."""
    groups = {}
    for g in golden:
        groups.setdefault((g["candidates"], g["template"], g["multi"]), []).append(g)
    for (candidates, template, multi), group in groups.items():
        if multi or "," in candidates:
            judge([list(zip(g["labels"], g["scores"])) for g in group], BOUND, tally)
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
            compare_answers(f"{name} {options} {g['text']!r}", listed(one), expected, BOUND, tally)


def raise_bias(folder):
    """Add 30 to the bias of the classifier, so that all scores of the sigmoid are 1."""
    path = os.path.join(folder, "model.safetensors")
    with open(path, "r+b") as file:
        size, = struct.unpack("<Q", file.read(8))
        at = 8 + size + json.loads(file.read(size))["classifier.bias"]["data_offsets"][0]
        file.seek(at)
        bias, = struct.unpack("<f", file.read(4))
        file.seek(at)
        file.write(struct.pack("<f", bias + 30))


def check_equal_scores(distil, folder, blob, passages):
    """Passages whose scores are rounded to the same number come in the order of their logits."""
    copy = blob + ".folder"
    shutil.copytree(folder, copy)
    raise_bias(copy)
    subprocess.run([distil, "convert", copy, "-o", blob], capture_output=True, check=True)
    lines = "".join(text + "\n" for text in passages).encode()
    ours = run(distil, "rank", "-m", blob, "--query", passages[0], "--jsonl", text=lines)
    logits = [item["logit"] for item in ours]
    check(len(ours) == len(passages) and {item["score"] for item in ours} == {1},
          f"raised bias: {ours}")
    check(logits == sorted(logits, reverse=True) and len(set(logits)) > 2,
          f"raised bias: logits {logits}")


def compare_rank(distil, blob, name, golden, bound, tally):
    if golden:
        judge([[(item["index"], item["score"]) for item in g["ranking"]] for g in golden], bound,
              tally)
    for g in golden:
        lines = "".join(text + "\n" for text in g["passages"]).encode()
        ours = run(distil, "rank", "-m", blob, "--query", g["query"], "--jsonl", text=lines)
        expected = [(item["index"], item["score"]) for item in g["ranking"]]
        got = [(item["index"], item["score"]) for item in ours]
        compare_answers(f"{name} query {g['query']!r}", got, expected, bound, tally)
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
    tallies = [{kind: [] for kind in ("close", "constant", "reversed", "other text")}
               for _ in range(3)]
    # The pipeline knows nothing of the activation of sentence-transformers, so its answers are
    # those of the sigmoid for rankers too.
    compare_pairs(distil, blob, name, kinds["pair"], BOUND, tallies[0])
    compare_zero_shot(distil, blob, name, kinds["zero-shot"], tallies[1])
    compare_rank(distil, blob, name, kinds["rank"], LOGIT_BOUND if is_logit else BOUND, tallies[2])
    for what, tally in zip(("pairs", "zero-shot", "rank"), tallies):
        for kind, least in (("close", 0.95), ("constant", 0.33), ("reversed", 0.7),
                            ("other text", 0.5)):
            good, count = sum(tally[kind]), len(tally[kind])
            check(good >= int(least * count), f"{name} {what}, {kind}: {good} of {count}")
    if name == "ranker":
        check_equal_scores(distil, folder, blob, kinds["rank"][0]["passages"])


def main():
    distil, pairs = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(os.listdir(pairs)):
            compare(distil, os.path.join(pairs, name), os.path.join(directory, "blob"))
    print(f"test_pairs_agree: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
