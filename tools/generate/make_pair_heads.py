#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of tests/data/pairs and the answers of the real libraries for pairs of texts.

    make_pair_heads.py [DIRECTORY]     (default: tests/data/pairs)

Each folder is a small DistilBertForSequenceClassification with seeded weights. answers.jsonl in it has
one object a line. Its member "kind" says what it is:

    pair       the text-classification pipeline on {"text", "text_pair"}, all labels, truncated
    zero-shot  the zero-shot-classification pipeline
    rank       CrossEncoder.rank of sentence-transformers

Needs transformers 5 and sentence-transformers 5 or 6 (tried with 5.24.0 and 6.2.0, torch 2.15.0).
"""

import itertools
import json
import pathlib
import sys

import torch
from sentence_transformers import CrossEncoder
from transformers import (BertTokenizerFast, DistilBertConfig, DistilBertForSequenceClassification,
                          pipeline)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = ("the a film is good bad witty dull ##ly ##s not very . , ! ? ##d we it and this example "
         "about text").split()
TEXTS = ["the film is good .", "we not very witty and dull", "a bad film", "", "is it a good film ?",
         "it is very very good ! and we witty , not bad and it is a very good film . it is witty"]
CANDIDATES = ["good,bad", "witty , dull,not very good, film", "good", "a film and a text"]
TEMPLATES = [None, "this text is about {} ."]
VARIANTS = {  # name: labels, members of config.json
    "nli3": (["contradiction", "neutral", "entailment"], {}),
    "nli_first": (["ENTAILMENT", "NEUTRAL", "CONTRADICTION"], {}),
    "nli2": (["not_entailment", "entailment"], {}),
    "ranker": (["LABEL_0"], {}),
    "ranker_identity": (["LABEL_0"], {"sentence_transformers": {
        "activation_fn": "torch.nn.modules.linear.Identity", "version": "5.7.0"}}),
    "ranker_old": (["LABEL_0"], {
        "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}),
}


def make_model(directory, labels, members):
    """Write one model, and return it with its tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=32, n_layers=1, n_heads=1,
                              max_position_embeddings=24, num_labels=len(labels),
                              id2label=dict(enumerate(labels)),
                              label2id={label: i for i, label in enumerate(labels)}, **members)
    torch.manual_seed(17)
    model = DistilBertForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
        if len(labels) == 1:  # Else the passages would hardly differ in their scores.
            model.classifier.weight *= 12
    model.save_pretrained(directory)
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"), do_lower_case=True,
                                  model_max_length=24)
    tokenizer.save_pretrained(directory)
    return model, tokenizer


def answer_pairs(model, tokenizer):
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    for text, pair in itertools.product(TEXTS, TEXTS):
        answer = classify({"text": text, "text_pair": pair}, top_k=None, truncation=True)
        yield {"kind": "pair", "text": text, "pair": pair, "answer": answer}


def answer_zero_shot(model, tokenizer):
    classify = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    for candidates, template, multi in itertools.product(CANDIDATES, TEMPLATES, (False, True)):
        named = {"hypothesis_template": template} if template else {}
        for text in TEXTS:
            if not text:
                continue  # The pipeline refuses an empty text.
            answer = classify(text, candidate_labels=candidates, multi_label=multi, **named)
            yield {"kind": "zero-shot", "text": text, "candidates": candidates,
                   "template": template, "multi": multi, "labels": answer["labels"],
                   "scores": answer["scores"]}


def answer_rank(directory):
    encoder = CrossEncoder(str(directory), device="cpu")
    for query in TEXTS:
        ranking = encoder.rank(query, TEXTS)
        yield {"kind": "rank", "query": query, "passages": TEXTS,
               "ranking": [{"index": int(item["corpus_id"]), "score": float(item["score"])}
                           for item in ranking]}


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/pairs"
    for name, (labels, members) in VARIANTS.items():
        directory = out / name
        model, tokenizer = make_model(directory, labels, members)
        answers = list(answer_pairs(model, tokenizer))
        if name.startswith("nli"):
            answers += answer_zero_shot(model, tokenizer)
        else:
            answers += answer_rank(directory)
        with open(directory / "answers.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(answer) + "\n" for answer in answers)


if __name__ == "__main__":
    main()
