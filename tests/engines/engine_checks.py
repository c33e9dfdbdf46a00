# SPDX-License-Identifier: Apache-2.0
"""What the tests of databases and engines share."""

import os
import sys
import unittest

import distil

BLOB = os.environ["DISTIL_MODEL"]
TEXTS = ["A gorgeous, witty, seductive movie.", "It is dull.", "", "bad", "a \x00 b",
         "it's \"fine\"", "two\nlines", "素晴らしい映画 😀", "x" * 70000, "good " * 600]


def answers_of(texts):
    """What distil.Model says: (label, score with nine digits) for each text, None for None."""
    known = [text for text in texts if text is not None]
    answer = distil.Model(BLOB).classify(known)
    rows = iter(zip(answer.labels, answer.scores))
    return [None if text is None else form(*next(rows)) for text in texts]


def form(label, score):
    """An answer in the form that the tests compare: nine digits tell two floats apart."""
    return None if label is None else (label, "%.9g" % float(score))


def main(name):
    """Run all tests of the program and print the sum in the form that tests/run.sh reads."""
    result = unittest.main(module="__main__", argv=sys.argv[:1], exit=False).result
    skipped = len(result.skipped)
    bad = len(result.failures) + len(result.errors)
    for test, reason in result.skipped:
        print(f"skip {test.id().rsplit('.', 1)[-1]}: {reason}")
    print(f"{name}: {result.testsRun - bad - skipped} passed, {bad} failed, {skipped} skipped")
    sys.stdout.flush()
    sys.exit(1 if bad else 0)
