#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of tests/data/embeddings and the vectors that the real libraries give.

    make_embeddings.py [DIRECTORY]     (default: tests/data/embeddings)

texts.txt has 200 texts. Each folder but sst2 is a small embedding model with seeded weights, which
sentence-transformers or transformers has saved. vectors.npy in it holds the vector of each text:
encode() of sentence-transformers, which makes a model with the mean of a folder without modules.json.
lengths.json has the number of tokens of each text after truncation. The folder sst2 has no model, but
the vectors of model/sst2: rows of last_hidden_state of DistilBertModel, that of [CLS] and the mean,
rounded to 16 bits.

Needs transformers 5 and sentence-transformers 6 (tried with 5.24.0 and 6.2.0, torch 2.15.0).
"""

import json
import pathlib
import random
import sys

import numpy
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoTokenizer, BertTokenizerFast, DistilBertConfig, DistilBertModel

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = ("the a film is good bad witty dull ##ly ##s not very . , ! ? ##d we it and this example "
         "about text never quite movie story actor plot long short").split()
COUNT = 200
IDENTITY, TANH = torch.nn.Identity(), torch.nn.Tanh()
RELU, SIGMOID = torch.nn.ReLU(), torch.nn.Sigmoid()
VARIANTS = {  # name: pooling, longest text, arguments of Dense, normalise
    "mean": ("mean", None, None, False),
    "cls": ("cls", None, None, False),
    "max": ("max", None, None, False),
    "mean_length1": ("mean", 12, None, True),
    "dense_tanh": ("mean", None, {"out_features": 48, "activation_function": TANH}, False),
    "dense_identity": ("cls", None, {"out_features": 20, "bias": False,
                                     "activation_function": IDENTITY}, True),
    "dense_relu": ("max", 16, {"out_features": 32, "activation_function": RELU}, False),
    "dense_sigmoid": ("mean", None, {"out_features": 5, "activation_function": SIGMOID}, False),
}


def make_texts():
    """200 texts: of known and unknown words, of one word, with accents, empty, and long ones."""
    draw = random.Random(16)
    plain = [word for word in WORDS if not word.startswith("##")]
    texts = ["", "good", "The FILM is Good.", "caf\u00e9 na\u00efve", "  we   it  ", "dullly goods",
             "an unknown word: xylophone", "\u6f22\u5b57 film", "good [SEP] bad", "\U0001f600 witty!"]
    while len(texts) < COUNT:
        texts.append(" ".join(draw.choice(plain) for _ in range(draw.choice((2, 5, 9, 14, 30)))))
    return texts


def make_encoder(directory):
    """Write a small DistilBertModel with its tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=64, n_layers=2, n_heads=1,
                              max_position_embeddings=24)
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"), do_lower_case=True,
                                  model_max_length=24)
    tokenizer.save_pretrained(directory)
    (directory / "vocab.txt").unlink()
    torch.manual_seed(16)
    model = DistilBertModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.save_pretrained(directory)


def write_vectors(directory, model, texts):
    """Write what encode() gives, and the lengths of the texts in tokens."""
    vectors = model.encode(texts, batch_size=16, convert_to_numpy=True, show_progress_bar=False)
    numpy.save(directory / "vectors.npy", vectors.astype("<f4"))
    limit = model.max_seq_length
    lengths = [len(model.tokenizer(text, truncation=True, max_length=limit)["input_ids"])
               for text in texts]
    (directory / "lengths.json").write_text(json.dumps(lengths) + "\n")


def make_variant(directory, encoder, texts, pooling, longest, dense, normalise):
    """Write one model of sentence-transformers and its vectors."""
    torch.manual_seed(len(str(directory.name)))
    modules = [Transformer(str(encoder), **({"max_seq_length": longest} if longest else {}))]
    modules.append(Pooling(32, pooling_mode=pooling))
    if dense:
        modules.append(Dense(in_features=32, **dense))
        with torch.no_grad():
            for parameter in modules[-1].parameters():
                parameter.normal_(0, 0.3)
    if normalise:
        modules.append(Normalize())
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(directory))
    (directory / "README.md").unlink(missing_ok=True)
    write_vectors(directory, SentenceTransformer(str(directory), device="cpu"), texts)


def write_shipped(directory, texts):
    """Write rows of last_hidden_state of the shipped checkpoint."""
    directory.mkdir(parents=True, exist_ok=True)
    folder = str(ROOT / "model/sst2")
    model = DistilBertModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cls, mean = [], []
    with torch.no_grad():
        for text in texts:
            inputs = tokenizer(text, truncation=True, return_tensors="pt")
            rows = model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[0]
            cls.append(rows[0].numpy())
            mean.append(rows.mean(0).numpy())
    numpy.save(directory / "cls.npy", numpy.array(cls).astype("<f2"))
    numpy.save(directory / "mean.npy", numpy.array(mean).astype("<f2"))


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/embeddings"
    texts = make_texts()
    encoder = out / "plain"  # no modules.json: transformers alone has written it
    make_encoder(encoder)
    (out / "texts.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    write_vectors(encoder, SentenceTransformer(str(encoder), device="cpu"), texts)
    for name, variant in VARIANTS.items():
        make_variant(out / name, encoder, texts, *variant)
    write_shipped(out / "sst2", texts)


if __name__ == "__main__":
    main()
