# SPDX-License-Identifier: Apache-2.0
"""The function in Python, as short as it can be: the Runtime API, ONNX Runtime, `tokenizers`.

    function.py MODEL.onnx VOCAB

Reads SNS events and answers them as lambda/ does, without a store. Imports nothing but what that
needs: start time and memory are measured from outside (bench/bench_image.c).
"""

import http.client
import json
import math
import os
import sys

import engines
from tokenizers import BertWordPieceTokenizer

NEXT = "/2018-06-01/runtime/invocation/next"


def main() -> None:
    model, vocab = sys.argv[1:]
    engine = engines.load("onnxruntime", model)
    tokenizer = BertWordPieceTokenizer(vocab)
    tokenizer.enable_truncation(512)
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", NEXT)
        reply = connection.getresponse()
        request_id = reply.getheader("Lambda-Runtime-Aws-Request-Id")
        message = json.loads(json.loads(reply.read())["Records"][0]["Sns"]["Message"])
        engine.bind(tokenizer.encode(message["text_for_analysis"][:512]).ids)()
        negative, positive = engine.logits()
        score = 1 / (1 + math.exp(-abs(positive - negative)))
        sentiment = "positive" if positive > negative else "negative"
        body = {
            "source_id": message["source_id"],
            "sentiment": sentiment if score >= 0.6 else "neutral",
            "score": round(score, 4),
            "updated": False,
        }
        answer = json.dumps({"statusCode": 200, "body": body})
        connection.request("POST", NEXT.replace("next", f"{request_id}/response"), answer)
        connection.getresponse().read()


if __name__ == "__main__":
    main()
