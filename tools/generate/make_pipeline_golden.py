# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/python/pipeline.json with the text-classification pipeline of transformers.

    make_pipeline_golden.py [FILE]     (default: tests/data/python/pipeline.json)

Each case has the arguments of a call of the pipeline and what it returned, for the shipped model or
for that of the folder which "model" names.
tests/python/check_python.py makes the same calls with distil.Model and compares the shape of the
results exactly and the scores within a tolerance, since the shipped blob has 8-bit weights.

Tried with transformers 5.24.0 and torch 2.15.0.
"""

import json
import pathlib
import sys

import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CASES = [
    {"inputs": "A gorgeous, witty, seductive movie."},
    {"inputs": ["A gorgeous, witty, seductive movie."]},
    {"inputs": ["It is a very bad film.", "So good!", ""]},
    {"inputs": "So good!", "top_k": 1},
    {"inputs": "So good!", "top_k": 2},
    {"inputs": "So good!", "top_k": None},
    {"inputs": "So good!", "top_k": 9},
    {"inputs": ["So good!", "It is a very bad film."], "top_k": 1},
    {"inputs": ["So good!", "It is a very bad film."], "top_k": None},
    {"inputs": "So good!", "function_to_apply": "none"},
    {"inputs": "So good!", "function_to_apply": "sigmoid", "top_k": None},
    {"inputs": "So good!", "function_to_apply": "softmax", "top_k": None},
    {"inputs": ["It is a very bad film."], "function_to_apply": "none", "top_k": None},
]
PAIR = {"text": "the film is good .", "text_pair": "a bad film"}
OTHER = {"text": "the film is good .", "text_pair": ""}
PAIR_CASES = [
    {"inputs": PAIR},
    {"inputs": PAIR, "top_k": 1},
    {"inputs": PAIR, "top_k": None},
    {"inputs": [PAIR]},
    {"inputs": [PAIR, OTHER]},
    {"inputs": [PAIR, OTHER], "top_k": 1},
    {"inputs": [OTHER, "a bad film"], "function_to_apply": "sigmoid"},
    {"inputs": {"text": "a bad film"}},
]
PAIR_MODEL = "tests/data/pairs/nli3"


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else ROOT / "tests/data/python/pipeline.json"
    pipe = transformers.pipeline("text-classification", model=str(ROOT / "model/sst2"),
                                 device="cpu")
    cases = [{"arguments": case, "result": pipe(**dict(case))} for case in CASES]
    pipe = transformers.pipeline("text-classification", model=str(ROOT / PAIR_MODEL), device="cpu")
    cases += [{"model": PAIR_MODEL, "arguments": case, "result": pipe(**dict(case))}
              for case in PAIR_CASES]
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
