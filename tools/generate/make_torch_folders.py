# SPDX-License-Identifier: Apache-2.0
"""Writes the folders of tests/data/torch_folders with the real transformers.

    make_torch_folders.py [DIRECTORY]     (default: tests/data/torch_folders)

One small DistilBertForSequenceClassification with seeded weights, saved in every way that
save_pretrained has: as safetensors, as pytorch_model.bin, as shards of pytorch_model.bin, and in
float64. All of them are the same model, so all of them must give the same answers.

Needs transformers 4 (tried with 4.57.6 and torch 2.15.0): version 5 only writes safetensors.
"""

import pathlib
import sys

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertTokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = "the a film is good bad witty dull ##ly ##s not very . , ! ? ##d we it and".split()


def main() -> None:
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/data/torch_folders"
    out.mkdir(parents=True, exist_ok=True)
    vocab = out / "vocab.txt"
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS,
              *(x for x in letters if x not in WORDS), *("##" + x for x in letters
                                                        if "##" + x not in WORDS)]
    vocab.write_text("\n".join(tokens) + "\n")
    tokenizer = DistilBertTokenizer(str(vocab))
    vocab.unlink()
    torch.manual_seed(20)
    config = DistilBertConfig(vocab_size=len(tokens), dim=32, hidden_dim=64, n_layers=2, n_heads=1,
                              max_position_embeddings=32, num_labels=3)
    model = DistilBertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5)
    for name, options in {"safetensors": {"safe_serialization": True},
                          "bin": {"safe_serialization": False},
                          "sharded": {"safe_serialization": False, "max_shard_size": "20KB"}}.items():
        model.save_pretrained(out / name, **options)
        tokenizer.save_pretrained(out / name)
    model.double().save_pretrained(out / "float64", safe_serialization=False)
    tokenizer.save_pretrained(out / "float64")
    for folder in out.iterdir():
        for file in folder.glob("tokenizer.json"):
            file.unlink()  # vocab.txt says the same in less room


if __name__ == "__main__":
    main()
