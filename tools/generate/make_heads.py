# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of tests/data/heads and the answers of the real text-classification pipeline.

    make_heads.py [DIRECTORY]     (default: tests/data/heads)

Each folder is a small DistilBertForSequenceClassification with seeded weights; they differ in the
number of labels and in problem_type. answers.jsonl in it has a line for each line of texts.txt and
each function: an object with the name of the function that the caller names ("model" if none) and
the pipeline's answer with top_k=None.

Needs transformers 5 (tried with 5.24.0 and torch 2.15.0).
"""

import json
import pathlib
import sys

import torch
from transformers import (DistilBertConfig, DistilBertForSequenceClassification, BertTokenizerFast,
                          pipeline)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = "the a film is good bad witty dull ##ly ##s not very . , ! ? ##d we it and".split()
TEXTS = ["the film is good .", "we not very witty and dull", "a bad film", "it is very very good !",
         "not good , not bad", "the the the", "dull ly dullly", "", "is it a good film ?",
         "and we witty"]
VARIANTS = {  # name: number of labels, problem_type
    "plain3": (3, None),
    "single2": (2, "single_label_classification"),
    "multi5": (5, "multi_label_classification"),
    "multi2": (2, "multi_label_classification"),
    "one": (1, None),
    "regression1": (1, "regression"),
    "regression3": (3, "regression"),
}
FUNCTIONS = ("model", "softmax", "sigmoid", "none")


def make_folder(directory, labels, problem):
    """Write one model, and the answers of its pipeline."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    options = {"problem_type": problem} if problem else {}
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=32, n_layers=1, n_heads=1,
                              max_position_embeddings=16, num_labels=labels, **options)
    torch.manual_seed(16)
    model = DistilBertForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(directory)
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"), do_lower_case=True)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    with open(directory / "answers.jsonl", "w", encoding="utf-8") as file:
        for function in FUNCTIONS:
            named = {} if function == "model" else {"function_to_apply": function}
            for text in TEXTS:
                answer = classify(text, top_k=None, **named)
                file.write(json.dumps({"function": function, "text": text, "answer": answer}) + "\n")


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/heads"
    out.mkdir(parents=True, exist_ok=True)
    (out / "texts.txt").write_text("".join(text + "\n" for text in TEXTS))
    for name, (labels, problem) in VARIANTS.items():
        make_folder(out / name, labels, problem)


if __name__ == "__main__":
    main()
