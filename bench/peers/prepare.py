# SPDX-License-Identifier: Apache-2.0
"""Make all that the peers need of a checkpoint, once, in one folder:

  fp32.onnx           the exported graph
  onnxruntime.onnx    the graph with weights that onnxruntime.quantization.quantize_dynamic has
                      quantised, per channel
  openvino.xml, .bin  the graph that NNCF has quantised statically with the calibration sentences
  reference.json      token ids and fp32 logits of SST-2 dev sentences, with which the answers of
                      every engine are compared, and the labels, if the model was trained on them

With --golden the script compares the exported graph with the logits of the original framework, and
those become the reference. It does nothing if the folder is up to date.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Iterable

import numpy as np
from tokenizers import BertWordPieceTokenizer

import engines
import export_onnx

HERE = Path(__file__).parent
# Greatest difference that is allowed between the exported graph in fp32 and the original framework.
LARGEST_LOGIT_ERROR = 1e-4
UNTRAINED_SENTENCES = 64  # Sentences that are compared where there is no golden file.


def read_tsv(path: Path) -> list[list[str]]:
    """The rows of a table with one header line and without quoting."""
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    return [line.split("\t") for line in lines if line]


def _fingerprint(inputs: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in inputs:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _quantise_onnxruntime(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8)


def _quantise_openvino(source: Path, target: Path, texts: list[list[int]]) -> None:
    import nncf
    import openvino

    dataset = nncf.Dataset([np.array([ids], np.int64) for ids in texts], lambda ids: {"ids": ids})
    model = nncf.quantize(
        openvino.Core().read_model(source),
        dataset,
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(texts),
    )
    openvino.save_model(model, target)


def _reference(args: argparse.Namespace, encode, fp32: Path) -> dict[str, object]:
    dev = read_tsv(args.dev)
    golden = read_tsv(args.golden) if args.golden else None
    if golden is None:
        dev = dev[:UNTRAINED_SENTENCES]
    texts = [encode(row[0]) for row in dev]
    engine = engines.OnnxRuntime(str(fp32))
    logits = []
    for ids in texts:
        engine.bind(ids)()
        logits.append(engine.logits())
    if golden is None:
        return {"texts": texts, "logits": logits, "labels": None}
    if [len(ids) for ids in texts] != [int(row[2]) for row in golden]:
        sys.exit(f"{args.golden}: token counts differ from those of {args.dev}: other sentences?")
    expected = [[float(value) for value in row[3:]] for row in golden]
    error = float(np.abs(np.array(logits) - np.array(expected)).max())
    print(f"{fp32}: largest logit error {error:.1e} over {len(texts)} sentences")
    if not error <= LARGEST_LOGIT_ERROR:
        sys.exit(f"{fp32}: at most {LARGEST_LOGIT_ERROR:.0e} expected: the export is wrong")
    return {"texts": texts, "logits": expected, "labels": [int(row[1]) for row in golden]}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("checkpoint", type=Path, help="Hugging Face folder")
    parser.add_argument("target", type=Path, help="folder to fill")
    parser.add_argument("--vocab", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, required=True, help="one sentence a line")
    parser.add_argument("--dev", type=Path, required=True, help="sentence<TAB>label, with header")
    parser.add_argument("--golden", type=Path, help="row, label, tokens, logits; with header")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    inputs = [
        args.checkpoint / "config.json",
        args.checkpoint / "model.safetensors",
        *(path for path in (args.vocab, args.calibration, args.dev, args.golden) if path),
        *(HERE / name for name in ("checkpoint.py", "export_onnx.py", "prepare.py")),
        HERE / "requirements.txt",
    ]
    for path in inputs:
        if not path.is_file():
            sys.exit(f"{path}: no such file")
    stamp, fingerprint = args.target / "stamp", _fingerprint(inputs)
    if stamp.is_file() and stamp.read_text(encoding="ascii") == fingerprint:
        return
    args.target.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    tokenizer = BertWordPieceTokenizer(str(args.vocab))

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text).ids

    fp32 = args.target / "fp32.onnx"
    export_onnx.export(args.checkpoint, fp32)
    reference = _reference(args, encode, fp32)
    (args.target / "reference.json").write_text(json.dumps(reference), encoding="ascii")
    _quantise_onnxruntime(fp32, args.target / "onnxruntime.onnx")
    sentences = args.calibration.read_text(encoding="utf-8").split("\n")
    texts = [encode(sentence) for sentence in sentences if sentence]
    _quantise_openvino(fp32, args.target / "openvino.xml", texts)
    stamp.write_text(fingerprint, encoding="ascii")


if __name__ == "__main__":
    main()
