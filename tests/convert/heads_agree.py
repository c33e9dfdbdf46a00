#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare `distil classify` with the answers of the real pipeline that tests/data/heads has.

    heads_agree.py DISTIL HEADS

Each folder of HEADS is converted. For the function of the model and for each override, every label
must have the pipeline's score, and labels must come in its order unless their scores are closer than
the bound. The bound is the error of 8-bit weights in these small models of large weights: 0.02 for a
probability, and 5 % of the range of all logits of the folder for a logit.
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


def classify(distil, blob, texts, *options):
    """The answers to all texts."""
    run = subprocess.run([distil, "classify", "-m", blob, "--jsonl", "-f", texts, "--top-k", "0",
                          *options], capture_output=True, check=False)
    if run.returncode != 0:
        print(run.stderr.decode())
        return []
    return [json.loads(line) for line in run.stdout.splitlines()]


def is_same(ours, expected, bound):
    """Compare one answer, labels with scores in order."""
    scores = {item["label"]: item["score"] for item in ours["labels"]}
    if sorted(scores) != sorted(item["label"] for item in expected):
        return False
    if any(abs(scores[item["label"]] - item["score"]) > bound for item in expected):
        return False
    if [item["score"] for item in ours["labels"]] != sorted(scores.values(), reverse=True):
        return False
    if ours["labels"][0] != {"label": ours["label"], "score": ours["score"]}:
        return False
    truth = {item["label"]: item["score"] for item in expected}
    order = [item["label"] for item in ours["labels"]]
    return all(truth[a] >= truth[b] - 2 * bound for i, a in enumerate(order) for b in order[i:])


def compare(distil, folder, texts, blob):
    name = os.path.basename(folder)
    run = subprocess.run([distil, "convert", folder, "-o", blob], capture_output=True, check=False)
    check(run.returncode == 0, f"{name}: convert: {run.stderr.decode()}")
    with open(os.path.join(folder, "answers.jsonl"), encoding="utf-8") as file:
        golden = [json.loads(line) for line in file]
    logits = [item["score"] for g in golden if g["function"] == "none" for item in g["answer"]]
    for function in ("model", "softmax", "sigmoid", "none"):
        expected = [g["answer"] for g in golden if g["function"] == function]
        is_logit = function == "none" or (function == "model" and name.startswith("regression"))
        bound = 0.05 * (max(logits) - min(logits)) if is_logit else 0.02
        options = () if function == "model" else ("--function", function)
        ours = classify(distil, blob, texts, *options)
        check(len(ours) == len(expected), f"{name} {function}: {len(ours)} answers")
        for i, (one, other) in enumerate(zip(ours, expected)):
            check(is_same(one, other, bound), f"{name} {function} text {i}: {one} {other}")


def main():
    distil, heads = sys.argv[1:]
    texts = os.path.join(heads, "texts.txt")
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(os.listdir(heads)):
            folder = os.path.join(heads, name)
            if os.path.isdir(folder):
                compare(distil, folder, texts, os.path.join(directory, "blob"))
    print(f"test_heads: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
