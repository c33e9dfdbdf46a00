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
TOLD_APART = "good bad witty dull not very film text".split()
SPREAD = 2  # The standard deviation of the logits of each label.
SEEDS = {False: 22, True: 18}  # With one label, and with several: scores that lie far apart.
LEAST_SPAN = 0.3  # Five times the bound of tests/convert/pairs_agree.py.
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


def spread_logits(model, tokenizer):
    """Give the last layer weights with which the logits of one text and its different second texts
    lie several units apart, around 0. The weights follow the directions in which such pairs differ
    the most. With others, all scores would be nearly equal, and a program that ignores the texts
    would pass for right."""
    seconds = [TEXTS] + [[(template or "This example is {}.").format(candidate.strip())
                          for candidate in ",".join(CANDIDATES).split(",")]
                         for template in TEMPLATES]
    vectors, differences = [], []
    for first, group in itertools.product(TEXTS, seconds):
        inputs = tokenizer([first] * len(group), group, padding=True, truncation=True,
                           return_tensors="pt")
        tokens = model.distilbert(inputs["input_ids"], inputs["attention_mask"])[0][:, 0]
        vectors.append(torch.relu(model.pre_classifier(tokens)))
        differences.append(vectors[-1] - vectors[-1].mean(0))
    vectors, differences = torch.cat(vectors), torch.cat(differences)
    _, lengths, directions = torch.linalg.svd(differences, full_matrices=False)
    count = model.classifier.out_features
    scale = SPREAD * len(differences) ** 0.5 / lengths[:count, None]
    mixed = torch.linalg.qr(torch.randn(count, count))[0]
    model.classifier.weight.copy_(mixed @ (scale * directions[:count]))
    model.classifier.bias.copy_(-model.classifier.weight @ vectors.mean(0))


def look_at_words(model, tokenizer):
    """Make attention prefer the words in which candidates and passages differ, and later ones among
    them. One word of many would otherwise change the logits by little more than the error of 8-bit
    weights."""
    embeddings, layer = model.distilbert.embeddings, model.distilbert.transformer.layer[0]
    embeddings.word_embeddings.weight *= 4
    embeddings.word_embeddings.weight[:, 0] = 0
    embeddings.word_embeddings.weight[tokenizer.convert_tokens_to_ids(TOLD_APART), 0] = 5
    embeddings.position_embeddings.weight[:, 0] = torch.linspace(-2, 2, 24)
    for norm in (embeddings.LayerNorm, layer.sa_layer_norm, layer.output_layer_norm):
        norm.weight.fill_(1)
    layer.attention.q_lin.weight *= 0.1
    layer.attention.q_lin.bias[0] = 5
    layer.attention.k_lin.weight[0] = 0
    layer.attention.k_lin.weight[0, 0] = 1.5
    layer.attention.out_lin.weight *= 2
    layer.ffn.lin2.weight *= 0.2


def make_model(directory, labels, members):
    """Write one model, and return it with its tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=32, n_layers=1, n_heads=1,
                              max_position_embeddings=24, num_labels=len(labels),
                              id2label=dict(enumerate(labels)),
                              label2id={label: i for i, label in enumerate(labels)}, **members)
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"), do_lower_case=True,
                                  model_max_length=24)
    tokenizer.save_pretrained(directory)  # Its use would leave padding in tokenizer.json.
    torch.manual_seed(SEEDS[len(labels) > 1])
    model = DistilBertForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
        look_at_words(model, tokenizer)
        spread_logits(model, tokenizer)
    model.save_pretrained(directory)
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


def check_spans(name, answers):
    """Refuse answers of which many could be given without reading the texts."""
    lists = [answer.get("scores") or [item["score"] for item in answer["ranking"]]
             for answer in answers if answer["kind"] != "pair"]
    spans = [max(scores) - min(scores) for scores in lists if len(scores) > 1]
    wide = sum(span > LEAST_SPAN for span in spans)
    print(f"{name}: {wide} of {len(spans)} answers have scores more than {LEAST_SPAN} apart")
    if wide < 0.8 * len(spans):
        sys.exit(f"{name}: too many answers of nearly equal scores: change SEEDS")


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
        check_spans(name, answers)
        with open(directory / "answers.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(answer) + "\n" for answer in answers)


if __name__ == "__main__":
    main()
