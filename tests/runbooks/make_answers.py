# SPDX-License-Identifier: Apache-2.0
"""Make events for a comparison of two functions, and the answers of the old function to them.

    make_answers.py ROOT ROWS DIRECTORY

The events contain the first ROWS sentences of SST-2's development set. The script writes them to
DIRECTORY/event-NN.json, SNS events of up to 100 records each. DIRECTORY/old.jsonl gets the answers
of the original framework, whose logits are in tests/golden, in the form of the Python function.
"""

import csv
import json
import math
import sys
from pathlib import Path

RECORDS = 100


def main() -> None:
    root, rows, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    with open(root / "tests/data/sst2/dev.tsv", encoding="utf-8") as file:
        texts = [line.split("\t")[0] for line in file][1 : rows + 1]
    with open(root / "tests/golden/sst2_dev.tsv", encoding="utf-8") as file:
        logits = list(csv.DictReader(file, delimiter="\t"))[:rows]
    records = [
        {"EventSource": "aws:sns", "Sns": {"MessageId": f"message-{number}", "Message": json.dumps({
            "source_id": f"review#{number}",
            "timestamp": "2026-01-15T12:34:56Z",
            "text_for_analysis": text,
        })}}
        for number, text in enumerate(texts)
    ]  # fmt: skip
    for first in range(0, rows, RECORDS):
        event = {"Records": records[first : first + RECORDS]}
        (out / f"event-{first // RECORDS:02}.json").write_text(json.dumps(event))
    with open(out / "old.jsonl", "w", encoding="utf-8") as file:
        for number, row in enumerate(logits):
            margin = float(row["logit_positive"]) - float(row["logit_negative"])
            score = 1 / (1 + math.exp(-abs(margin)))
            sentiment = "positive" if margin > 0 else "negative"
            body = {
                "source_id": f"review#{number}",
                "sentiment": sentiment if score >= 0.6 else "neutral",
                "score": round(score, 4),
                "confidence": round(score, 4),
                "updated": True,
            }
            file.write(json.dumps({"statusCode": 200, "body": body}) + "\n")


main()
