#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/golden/attacks.tsv: what the original framework, in float32, makes of the sentences of
tests/support/attacks.py.

    make_attacks_golden.py MODEL

MODEL is model/sst2. Requires torch and transformers. The floor of an attack is what float32 gets
right, less 2 % of the sentences.
"""
import hashlib
import pathlib
import sys

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/support"))
sys.dont_write_bytecode = True
import attacks


def main():
    tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
    model = transformers.AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
    lines = ["attack\tsentences\tsha256\tfloat32_right\tfloor\tfloat32_labels"]
    for name, rows in attacks.attacks().items():
        found = []
        with torch.inference_mode():
            for i in range(0, len(rows), 25):
                ids = tokenizer([sentence for sentence, _ in rows[i:i + 25]], return_tensors="pt",
                                truncation=True, padding=True)
                found += model(**ids).logits.argmax(-1).tolist()
        right = sum(a == b for a, (_, b) in zip(found, rows))
        floor = right - len(rows) * 2 // 100
        lines.append("\t".join([name, str(len(rows)),
                                hashlib.sha256(attacks.text_of(rows)).hexdigest(), str(right),
                                str(floor), attacks.digits(found)]))
        print(f"{name}: {right} of {len(rows)}")
    (ROOT / "tests/golden/attacks.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
