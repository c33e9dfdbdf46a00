#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare `distil answer` with the answers of the real pipeline that tests/data/answers has.

    answers_agree.py DISTIL ANSWERS

Each folder of ANSWERS is converted. Every answer of the pipeline must be among ours, in the same place
and with a score that differs by at most BOUND of the best score: the error of 8-bit weights. An answer
of the pipeline may be missing only if it is as close to its last one, which another may have
displaced. Ours must come in the order of the pipeline, but for answers that are as close.
"""

import json
import os
import subprocess
import sys
import tempfile

BOUND = 0.04
OPTIONS = {"max_answer_len": "--max-answer-tokens", "max_seq_len": "--window",
           "doc_stride": "--stride"}

passed = failed = 0
worst = 0.0


def check(condition, message):
    """Count a case."""
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"not ok {message}")


def ask(distil, blob, case, count):
    """The answers of the command."""
    options = []
    for name, value in case["options"].items():
        if name in OPTIONS:
            options += [OPTIONS[name], str(value)]
    if case["options"].get("handle_impossible_answer"):
        options.append("--allow-none")
    run = subprocess.run([distil, "answer", "-m", blob, "--jsonl", "--question", case["question"],
                          "--context", case["context"], "--top-k", str(count), *options],
                         capture_output=True, check=False)
    if run.returncode != 0:
        print(run.stderr.decode())
        return []
    return json.loads(run.stdout)["answers"]


def compare(name, case, ours):
    """Compare one case."""
    global worst
    real = case["answers"]
    best, least = real[0]["score"], real[-1]["score"]
    found = {(a["start"], a["end"]): a for a in ours}
    raw = case["context"].encode()
    for answer in real:
        one = found.get((answer["start"], answer["end"]))
        if one is None:
            check(answer["score"] <= least + 2 * BOUND * best, f"{name}: no {answer} in {ours}")
            continue
        error = abs(one["score"] - answer["score"]) / best
        worst = max(worst, error)
        check(error <= BOUND and one["answer"] == answer["answer"], f"{name}: {one} {answer}")
    for one in ours:
        check(case["context"][one["start"]:one["end"]] == one["answer"] ==
              raw[one["byte_start"]:one["byte_end"]].decode(), f"{name}: places of {one}")
    scores = {(a["start"], a["end"]): a["score"] for a in real}
    order = [scores.get((a["start"], a["end"]), least) for a in ours]
    check(all(one >= other - 2 * BOUND * best for i, one in enumerate(order)
              for other in order[i:]), f"{name}: order of {ours} {real}")


def main():
    distil, folders = sys.argv[1:]
    same = cases = 0
    with tempfile.TemporaryDirectory() as directory:
        for name in sorted(os.listdir(folders)):
            folder, blob = os.path.join(folders, name), os.path.join(directory, "blob")
            run = subprocess.run([distil, "convert", folder, "-o", blob], capture_output=True,
                                 check=False)
            check(run.returncode == 0, f"{name}: convert: {run.stderr.decode()}")
            run = subprocess.run([distil, "verify", blob], capture_output=True, check=False)
            check(run.returncode == 0, f"{name}: verify: {run.stdout.decode()}")
            with open(os.path.join(folder, "answers.jsonl"), encoding="utf-8") as file:
                for i, line in enumerate(file):
                    case = json.loads(line)
                    top_k = case["options"].get("top_k", 1)
                    ours = ask(distil, blob, case, top_k)
                    check(len(ours) == len(case["answers"]), f"{name} {i}: {len(ours)} answers")
                    compare(f"{name} {i}", case, ours)
                    cases += 1
                    same += bool(ours) and (ours[0]["start"], ours[0]["end"]) == (
                        case["answers"][0]["start"], case["answers"][0]["end"])
    print(f"# {same} of {cases} best answers stand in the same place; greatest error {worst:.4f} "
          "of the best score")
    print(f"test_answers: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
