#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the token-classification pipeline of transformers says of 200 texts, in answers.jsonl.

    make_entities.py [--head] [DIRECTORY]     (default: tests/data/entities)

The model has the encoder of model/sst2 and a head of its own, head.safetensors with labels.json, which
--head trains again; a head that was trained on another machine differs in its last bits, so answers
are made with the one in the folder. It tells apart clusters of the vectors that tokens have after the
last layer, so the tokens of a word often have different labels.

A line of answers.jsonl is an object: the text; for each aggregation its entities as [name, score,
first character, last character], with the token's position after them for "none"; and where the text
has more than 24 tokens, the same of windows of 24 tokens with a stride of 6, unless labels differ
where windows overlap. Of many texts those are taken whose labels are decided by more than the error of
8-bit weights.

Needs transformers 5 (tried with 5.24.0, torch 2.15.0).
"""

import json
import pathlib
import random
import sys
import tempfile

import torch
from transformers import AutoTokenizer, DistilBertForTokenClassification, pipeline

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/convert"))
import entity_folder  # noqa: E402  (the path above has it)

LABELS = ["O", "I-PER", "B-PER", "I-LOC", "MISC", "X-ONE-TWO"]
AGGREGATIONS = ("none", "simple", "first", "average", "max")
TEXTS, WINDOW, STRIDE = 200, 24, 6
SCALE = 0.3  # With it the scores of different tokens differ.
LOGIT_ERROR, SCORE_ERROR = 0.6, 0.1
LONG = 40  # Texts that are longer than a window.
SPECIAL = [  # Texts of all kinds, as far as their labels are decided.
    "", " ", "\u00a0\u3000", "[UNK] word", "a [SEP] b [CLS]", "[MASK]", "\u200b", "\t",
    "caf\u00e9 cre\u0301me na\u00efve", "Ångström und Mu\u0308ller", "İstanbul", "ﬁne ﬂow",
    "\u4e2d\u6587\u5b57 and \u65e5\u672c\u8a9e", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\U0001f600 smile \U0001f468\u200d\U0001f469\u200d\U0001f466", "x" * 101, "y" * 100 + " end",
    "unbelievably internationalisation", "New York-based U.S.A. don't can't",
    "\u0410\u043d\u043d\u0430 \u041a\u0430\u0440\u0435\u043d\u0438\u043d\u0430", "don\u2019t \u201cquote\u201d",
    "e\u0301e\u0301e\u0301 o\u0308o\u0308", "tokenization tokenizers detokenized", "...!!!", "1,000.50 $5",
]


def candidates():
    rng = random.Random(16)
    lines = (ROOT / "tests/data/sst2/dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    lines = [line.split("\t")[0] for line in lines]
    texts = list(SPECIAL)
    for line in lines:
        texts.append(line)
        if rng.random() < 0.3:  # Capitals, and accents of their own, which the tokenizer strips.
            texts[-1] = line.title().replace("e", rng.choice(("e", "\u00e9", "e\u0301")))
        if rng.random() < 0.1:
            texts[-1] += " " + rng.choice(SPECIAL) + " " + rng.choice(lines)
    texts.insert(len(SPECIAL), " ".join(lines[:60]))  # Longer than the model.
    return texts


def hidden_states(model, tokenizer, texts):
    """The vectors of all tokens but [CLS] and [SEP]."""
    vectors = []
    for text in texts:
        with torch.no_grad():
            rows = model.distilbert(**tokenizer(text, truncation=True, return_tensors="pt"))[0][0]
        vectors.append(rows[1:-1])
    return torch.cat(vectors)


def cluster(vectors):
    """A cluster for each vector by k-means on its main directions; 0 is the largest one."""
    directions = torch.linalg.svd(vectors[::4], full_matrices=False)[2][:24]
    points = vectors @ directions.T
    points /= points.std(0)
    centres = points[torch.randperm(len(points))[:len(LABELS)]]
    for _ in range(30):
        nearest = torch.cdist(points, centres).argmin(1)
        centres = torch.stack([points[nearest == k].mean(0) if (nearest == k).any() else centres[k]
                               for k in range(len(LABELS))])
    order = torch.bincount(nearest, minlength=len(LABELS)).argsort(descending=True)
    return order.argsort()[nearest]


def train_head(model, tokenizer, texts):
    """A head that tells clusters of vectors apart, with boundaries where there are few of them."""
    torch.manual_seed(16)
    vectors = hidden_states(model, tokenizer, texts)
    mean, spread = vectors.mean(0), vectors.std(0) + 1e-3
    inputs = (vectors - mean) / spread
    labels = cluster(inputs)
    layer = torch.nn.Linear(inputs.shape[1], len(LABELS))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for step in range(500):
        if step % 50 == 49:
            labels = layer(inputs).argmax(1)
        optimizer.zero_grad()
        loss = torch.nn.functional.multi_margin_loss(layer(inputs), labels, margin=4.0)
        (loss + 1e-4 * (layer.weight ** 2).sum()).backward()
        optimizer.step()
    with torch.no_grad():
        print(f"head: {len(labels)} tokens, labels {torch.bincount(labels).tolist()}")
        weight = SCALE * layer.weight / spread
        return weight, SCALE * layer.bias - weight @ mean


def write_head(directory, weight, bias):
    data = {"classifier.weight": weight, "classifier.bias": bias}
    entity_folder.write_tensors(directory / "head.safetensors", {
        name: ("F32", list(t.shape), t.detach().numpy().astype("<f4").tobytes())
        for name, t in data.items()})
    (directory / "labels.json").write_text(json.dumps(LABELS) + "\n")


def certainty(model, tokenizer, text):
    """How well the labels of the text are decided: the least distance between two of them, in units
    of what the error of 8-bit weights can be."""
    least = float("inf")
    windows = (512, WINDOW) if len(tokenizer(text)["input_ids"]) > WINDOW else (512,)
    for window in windows:
        inputs = tokenizer(text, truncation=True, max_length=window, return_tensors="pt",
                           return_overflowing_tokens=True, stride=STRIDE, padding=True)
        count = 1 if window == 512 else len(inputs["input_ids"])
        with torch.no_grad():
            logits = model(input_ids=inputs["input_ids"][:count],
                           attention_mask=inputs["attention_mask"][:count]).logits
        for i in range(count):
            words = inputs.word_ids(i)
            rows = [j for j, word in enumerate(words) if word is not None]
            if rows:
                best = logits[i, rows].topk(2).values
                least = min(least, (best[:, 0] - best[:, 1]).min().item() / LOGIT_ERROR,
                            certainty_of_words(logits[i].softmax(1), words))
    return least


def certainty_of_words(scores, words):
    """The same of words: by the mean of their tokens, and by their surest token."""
    groups, least = {}, 1
    for row, word in zip(scores, words):
        if word is not None:
            groups.setdefault(word, []).append(row)
    for group in groups.values():
        mean = torch.stack(group).mean(0).topk(2).values
        least = min(least, (mean[0] - mean[1]).item())
        tops = sorted((row.max().item(), row.argmax().item()) for row in group)
        least = min([least] + [tops[-1][0] - top for top, label in tops if label != tops[-1][1]])
    return least / SCORE_ERROR


def choose(model, tokenizer, texts):
    """The texts that are decided best; LONG of them are longer than a window."""
    sure = {text: certainty(model, tokenizer, text) for text in dict.fromkeys(texts)}
    best = sorted(sure, key=lambda text: -sure[text])
    long = [text for text in best if len(tokenizer(text)["input_ids"]) > WINDOW][:LONG]
    chosen = {*long, *[text for text in best if text not in long][:TEXTS - len(long)]}
    print(f"certainty {min(sure[text] for text in chosen):.2f} or more, "
          f"{sum(text in chosen for text in SPECIAL)} of {len(SPECIAL)} special texts")
    return [text for text in sure if text in chosen]


def windows_agree(model, tokenizer, text):
    """Whether tokens that are in two windows have the same label in both. Else scores that are nearly
    equal can decide which of them the pipeline keeps."""
    inputs = tokenizer(text, truncation=True, max_length=WINDOW, return_tensors="pt",
                       return_overflowing_tokens=True, stride=STRIDE, padding=True,
                       return_offsets_mapping=True)
    with torch.no_grad():
        best = model(input_ids=inputs["input_ids"],
                     attention_mask=inputs["attention_mask"]).logits.argmax(2)
    labels = {}
    for i, places in enumerate(inputs["offset_mapping"].tolist()):
        for word, place, label in zip(inputs.word_ids(i), places, best[i].tolist()):
            if word is not None and labels.setdefault(tuple(place), label) != label:
                return False
    return True


def listed(entities, aggregation):
    name = "entity" if aggregation == "none" else "entity_group"
    return [[e[name], round(float(e["score"]), 6), int(e["start"]), int(e["end"]),
             *([int(e["index"])] if aggregation == "none" else [])] for e in entities]


def answer(classify, tokenizer, text):
    """What the pipeline says of one text."""
    line = {"text": text}
    for aggregation in AGGREGATIONS:
        line[aggregation] = listed(classify(text, aggregation_strategy=aggregation), aggregation)
    if (len(tokenizer(text)["input_ids"]) > WINDOW and len(text) < 1000 and
            windows_agree(classify.model, tokenizer, text)):
        tokenizer.model_max_length = WINDOW
        line["windows"] = {
            aggregation: listed(classify(text, aggregation_strategy=aggregation, stride=STRIDE),
                                aggregation) for aggregation in AGGREGATIONS[1:]}
        tokenizer.model_max_length = 512
    return line


def main():
    arguments = [a for a in sys.argv[1:] if a != "--head"]
    out = pathlib.Path(arguments[0]) if arguments else ROOT / "tests/data/entities"
    texts = candidates()
    with tempfile.TemporaryDirectory() as folder:
        if "--head" in sys.argv:
            write_head(out, torch.zeros(len(LABELS), 384), torch.zeros(len(LABELS)))
        entity_folder.write_folder(folder, out)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = DistilBertForTokenClassification.from_pretrained(folder, dtype=torch.float32).eval()
        if "--head" in sys.argv:
            weight, bias = train_head(model, tokenizer, texts)
            write_head(out, weight, bias)
            with torch.no_grad():
                model.classifier.weight.copy_(weight)
                model.classifier.bias.copy_(bias)
        chosen = choose(model, tokenizer, texts)
        classify = pipeline("token-classification", model=model, tokenizer=tokenizer)
        with open(out / "answers.jsonl", "w", encoding="utf-8") as file:
            for text in chosen:
                file.write(json.dumps(answer(classify, tokenizer, text)) + "\n")


if __name__ == "__main__":
    main()
