#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the entities of texts with those of the token-classification pipeline of transformers.

    entities_agree.py DISTIL

tests/data/entities/answers.jsonl has the pipeline's answers for 200 texts and five aggregations, and
for windows of the longer texts. Names and places must be equal, and scores within BOUND, and 98 % of
them within CLOSE, which is the error of 8-bit weights in probabilities. tools/generate/make_entities.py
leaves out texts in which this error decides a label. All levels, numbers of threads and batches must
give the same bytes. The comparison itself is tested with answers for other texts, which it must refuse.
"""

import json
import os
import subprocess
import sys
import tempfile

import entity_folder

BOUND, CLOSE, MEAN_BOUND = 0.25, 0.05, 0.005
WINDOWS = ["--window", "24", "--stride", "6"]
passed = failed = 0
errors = []


def check(condition, message):
    """Count a case."""
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"not ok {message}")


def run(distil, *arguments):
    done = subprocess.run([distil, *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode())
    return done.stdout


def entities(distil, blob, texts, *options):
    """The entities of each text, as answers.jsonl has them, and the objects themselves."""
    out = run(distil, "entities", "-m", blob, "--jsonl", *options, "--", *texts)
    objects = [json.loads(line) for line in out.splitlines()]
    lists = [[[e.get("entity", e.get("entity_group")), e["score"], e["start"], e["end"],
               *([e["index"]] if "index" in e else [])] for e in o["entities"]] for o in objects]
    return lists, objects


def is_same(ours, expected, bound):
    """Compare two lists of entities."""
    return ([[e[0], *e[2:]] for e in ours] == [[e[0], *e[2:]] for e in expected] and
            all(abs(a[1] - b[1]) <= bound for a, b in zip(ours, expected)))


def compare(where, texts, ours, expected):
    """All texts of one aggregation."""
    check(len(ours) == len(texts), f"{where}: {len(ours)} answers of {len(texts)}")
    for text, one, truth in zip(texts, ours, expected):
        check(is_same(one, truth, BOUND), f"{where} {text!r}:\n  {one}\n  {truth}")
        if len(one) == len(truth):
            errors.extend(abs(a[1] - b[1]) for a, b in zip(one, truth))
    wrong = [not is_same(ours[i - 1], truth, BOUND) for i, truth in enumerate(expected) if truth]
    check(sum(wrong) > 0.95 * len(wrong), f"{where}: answers for other texts pass for right")


def check_places(texts, objects):
    """Places in characters and in bytes are the same parts of the text."""
    for text, answer in zip(texts, objects):
        for e in answer["entities"]:
            part = text.encode()[e["byte_start"]:e["byte_end"]].decode()
            check(part == text[e["start"]:e["end"]] == e["text"], f"{text!r}: {e}")


def check_same_bytes(distil, blob, texts):
    """Levels, threads and batches change nothing."""
    options = ["--aggregation", "average", "--jsonl", *WINDOWS]
    expected = run(distil, "entities", "-m", blob, *options, "--", *texts)
    for level in ("scalar", "avx2", "avx512", "best"):
        for more in (["--threads", "1", "--batch", "1"], ["--threads", "3", "--batch", "7"]):
            ours = run(distil, "entities", "-m", blob, *options, "--isa", level, *more, "--",
                       *texts)
            check(ours == expected and ours, f"{level} {more}: other bytes")


def main():
    distil, = sys.argv[1:]
    with open(entity_folder.DATA / "answers.jsonl", encoding="utf-8") as file:
        golden = [json.loads(line) for line in file]
    texts = [g["text"] for g in golden]
    long = [g for g in golden if "windows" in g]
    with tempfile.TemporaryDirectory() as directory:
        blob = os.path.join(directory, "blob")
        entity_folder.write_folder(os.path.join(directory, "folder"))
        run(distil, "convert", os.path.join(directory, "folder"), "-o", blob)
        check(run(distil, "verify", blob).count(b"\n") > 5, "verify")
        for how in ("none", "simple", "first", "average", "max"):
            ours, objects = entities(distil, blob, texts, "--aggregation", how)
            compare(how, texts, ours, [g[how] for g in golden])
            check_places(texts, objects)
        for how in ("simple", "first", "average", "max"):
            long_texts = [g["text"] for g in long]
            ours, objects = entities(distil, blob, long_texts, "--aggregation", how, *WINDOWS)
            compare(f"{how}, windows", long_texts, ours, [g["windows"][how] for g in long])
            check_places(long_texts, objects)
        check_same_bytes(distil, blob, [g["text"] for g in long][:16])
    mean = sum(errors) / max(len(errors), 1)
    print(f"{len(texts)} texts, {len(long)} in windows, {len(errors)} scores: largest error "
          f"{max(errors, default=1):.4f}, mean {mean:.5f}")
    check(len(texts) == 200 and len(long) >= 20 and len(errors) > 10000, "too few answers")
    close = sum(error <= CLOSE for error in errors)
    check(close >= 0.98 * len(errors), f"{close} of {len(errors)} scores are close")
    check(mean < MEAN_BOUND, f"mean error {mean}")
    print(f"test_entities_agree: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
