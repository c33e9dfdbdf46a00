#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read the answers of distil classify in one format, and print the labels in them as JSON.

    read_labels.py FORMAT FILE

FORMAT is text, list (--top-k 0), tsv (--tsv), json, jsonl, probabilities (the members of that
object in jsonl), best (the member labels in jsonl), csv-table or tsv-table (--input). Each line of
output is one answer: a list of labels. A repeated member of an object is an error.
"""

import csv
import json
import re
import sys

ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")
LETTERS = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


def plain(text):
    """Undo the escapes of text output."""
    return ESCAPE.sub(lambda m: LETTERS.get(m[1]) or chr(int(m[1][1:], 16)), text)


def without_score(item):
    """Return the label of "LABEL SCORE"."""
    label, score = item.rsplit(" ", 1)
    float(score)
    return plain(label)


def members(pairs):
    """Make a dictionary of an object that has no member twice."""
    assert len({name for name, _ in pairs}) == len(pairs), "a member occurs twice"
    return dict(pairs)


def answers(form, data):
    """Yield the labels of each answer."""
    load = json.JSONDecoder(object_pairs_hook=members).decode
    lines = data.split("\n")[:-1]
    if form == "text":
        yield from ([without_score(line.split("\t")[0])] for line in lines)
    elif form == "list":
        yield from ([without_score(i) for i in line.split("\t")[0].split(", ")] for line in lines)
    elif form == "tsv":
        yield from ([plain(line.split("\t")[0])] for line in lines)
    elif form == "json":
        yield from ([answer["label"]] for answer in load(data))
    elif form == "jsonl":
        yield from ([load(line)["label"]] for line in lines)
    elif form == "probabilities":
        yield from (list(load(line)["probabilities"]) for line in lines)
    elif form == "best":
        yield from ([each["label"] for each in load(line)["labels"]] for line in lines)
    elif form == "csv-table":
        yield from ([row["label"]] for row in csv.DictReader(data.splitlines(keepends=True)))
    elif form == "tsv-table":
        column = lines[0].split("\t").index("label")
        yield from ([plain(line.split("\t")[column])] for line in lines[1:])
    else:
        raise SystemExit(f"read_labels.py: unknown format {form}")


def main():
    """Print the labels."""
    with open(sys.argv[2], encoding="utf-8", newline="") as file:
        data = file.read()
    for labels in answers(sys.argv[1], data):
        print(json.dumps(labels))


main()
