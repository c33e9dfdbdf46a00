#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of tests/data/answers and what the real question-answering pipeline answers.

    make_answers.py [DIRECTORY]     (default: tests/data/answers)

Each folder is a small DistilBertForQuestionAnswering with seeded weights; they differ in seed and in
whether the tokenizer keeps the case. answers.jsonl in it has an object for each pair of question and
context and each set of options: question, context, the options by the pipeline's names, and its
answers. 200 pairs in all.

Needs transformers 4, since version 5 has no such pipeline (tried with 4.57.6 and torch 2.15.0).
"""

import json
import pathlib
import random
import sys

import torch
from transformers import (DistilBertConfig, DistilBertForQuestionAnswering, DistilBertTokenizerFast,
                          pipeline)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = ("the a film is good bad witty dull ##ly ##s not very . , ! ? ##d we it and this example "
         "about text never quite movie story actor plot long short who what when why was in on "
         "Paris Monday a ##n ##ce dan london").split()
PAIRS = 100  # for each folder
SPREAD = 5  # The standard deviation of the logits of all tokens.
OPTIONS = [  # of the pipeline
    {},
    {"top_k": 5},
    {"top_k": 3, "max_answer_len": 4},
    {"handle_impossible_answer": True, "top_k": 4},
    {"max_seq_len": 32, "doc_stride": 4, "top_k": 3},
    {"max_seq_len": 40, "doc_stride": 11},
]
VARIANTS = {"lower": (16, True), "cased": (22, False)}  # name: seed, do_lower_case


def make_pairs(seed):
    """Questions and contexts, short and of several windows, with words that are split or unknown."""
    draw = random.Random(seed)
    plain = [word for word in WORDS if not word.startswith("##")]
    plain += ["dances", "Goodly", "caf\u00e9", "danced", "unknowable", "Films,", "PARIS", "\u6f22"]
    pairs = []
    for i in range(PAIRS):
        question = " ".join(draw.choice(plain) for _ in range(draw.choice((1, 3, 6)))) + " ?"
        length = (3, 8, 15, 30, 60, 120)[i % 6]
        pairs.append((question, " ".join(draw.choice(plain) for _ in range(length))))
    return pairs


def calm_layers(model):
    """Make the error of 8-bit weights small against the differences of tokens: embeddings of words
    are multiples of 1/127, which 8 bits hold exactly, and layers add little to them. So the answers
    show whether spans are found and scored as in the pipeline; what 8 bits do to the hidden states
    of other models is measured elsewhere."""
    words = model.distilbert.embeddings.word_embeddings.weight
    words.copy_(torch.round(words / words.abs().amax(1, keepdim=True) * 127) / 127)
    model.distilbert.embeddings.LayerNorm.weight.fill_(1)
    for layer in model.distilbert.transformer.layer:
        for norm in (layer.sa_layer_norm, layer.output_layer_norm):
            norm.weight.fill_(1)
        for linear in (layer.attention.out_lin, layer.ffn.lin2):
            linear.weight.mul_(0.02)
            linear.bias.mul_(0.02)


def spread_logits(model, tokenizer, pairs):
    """Give the last layer weights with which the logits of tokens lie several units apart. They
    follow the directions in which tokens differ the most. With others, all answers would be nearly
    equal, and a program that ignores the texts would pass for right."""
    rows = []
    for question, context in pairs[::3]:
        inputs = tokenizer(question, context, truncation="only_second", max_length=64,
                           return_tensors="pt")
        rows.append(model.distilbert(inputs["input_ids"], inputs["attention_mask"])[0][0])
    rows = torch.cat(rows)
    _, lengths, directions = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    scale = SPREAD * len(rows) ** 0.5 / lengths[:2, None]
    mixed = torch.linalg.qr(torch.randn(2, 2))[0]
    model.qa_outputs.weight.copy_(mixed @ (scale * directions[:2]))
    model.qa_outputs.bias.copy_(-model.qa_outputs.weight @ rows.mean(0))


def make_model(directory, seed, lower):
    """Write one model, and return it with its tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=64, n_layers=2, n_heads=1,
                              max_position_embeddings=64)
    tokenizer = DistilBertTokenizerFast(vocab_file=str(directory / "vocab.txt"), do_lower_case=lower,
                                        model_max_length=64)
    tokenizer.save_pretrained(directory)
    torch.manual_seed(seed)
    model = DistilBertForQuestionAnswering(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
        calm_layers(model)
        spread_logits(model, tokenizer, make_pairs(seed))
    model.save_pretrained(directory)
    (directory / "special_tokens_map.json").unlink(missing_ok=True)
    return model, tokenizer


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/answers"
    for name, (seed, lower) in VARIANTS.items():
        model, tokenizer = make_model(out / name, seed, lower)
        answer = pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")
        with open(out / name / "answers.jsonl", "w", encoding="utf-8") as file:
            for i, (question, context) in enumerate(make_pairs(seed)):
                options = OPTIONS[(i // 6 + i) % len(OPTIONS)]
                found = answer(question=question, context=context, **options)
                found = found if isinstance(found, list) else [found]
                file.write(json.dumps({"question": question, "context": context,
                                       "options": options, "answers": found}) + "\n")


if __name__ == "__main__":
    main()
