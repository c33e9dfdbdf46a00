# SPDX-License-Identifier: Apache-2.0
"""One measured job: a table of texts is classified in one engine by one library.

    doors.py DOOR LIBRARY OUT TEXTS

DOOR is python, duckdb or spark; LIBRARY is distil, or onnx:BATCH, or onnx:BATCH:sorted. The job
prints "begin" when everything is loaded and warm, and "end" with the answers' labels when it has
classified all lines of the file TEXTS. Everything runs on one thread, and in Spark on one thread
for each of two executors.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa

ROOT = Path(__file__).parent.parent.parent
LABELS = numpy.array(["NEGATIVE", "POSITIVE"])
Classify = Callable[[Any], Any]  # an array of texts gives an array of labels


class Onnx:
    """ONNX Runtime with tokenizers. Texts are padded to the longest of their batch; sorting them by
    length first makes that cheap."""

    def __init__(self, model: str, vocabulary: str, batch: int, in_order: bool) -> None:
        import onnxruntime
        import tokenizers

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options,
                                                    providers=["CPUExecutionProvider"])
        self.tokenizer = tokenizers.BertWordPieceTokenizer(vocabulary)
        self.tokenizer.enable_truncation(512)
        self.batch, self.in_order = batch, in_order

    def __call__(self, texts: Any) -> Any:
        rows = [code.ids for code in self.tokenizer.encode_batch(texts.to_pylist())]
        order = list(range(len(rows)))
        if not self.in_order:
            order.sort(key=lambda i: len(rows[i]))
        best = numpy.zeros(len(rows), numpy.int64)
        for begin in range(0, len(rows), self.batch):
            chosen = order[begin : begin + self.batch]
            width = max(len(rows[i]) for i in chosen)
            ids = numpy.zeros((len(chosen), width), numpy.int64)
            mask = numpy.full((len(chosen), width), -1e9, numpy.float32)
            for row, i in enumerate(chosen):
                ids[row, : len(rows[i])] = rows[i]
                mask[row, : len(rows[i])] = 0
            logits = self.session.run(None, {"ids": ids, "mask": mask})[0]
            best[chosen] = logits.argmax(axis=1)
        return pa.array(LABELS[best])


def open_onnx(library: str, out: str) -> Onnx:
    _, batch, *rest = library.split(":")
    return Onnx(f"{out}/batched.onnx", str(ROOT / "model/sst2/vocab.txt"), int(batch), not rest)


def open_library(library: str, out: str) -> Classify:
    if library != "distil":
        return open_onnx(library, out)
    import distil

    model = distil.Model(f"{ROOT}/build/sst2.distil")
    return lambda texts: model.classify_arrow(texts).field("label")


_opened: dict[str, Onnx] = {}


def in_batches(library: str, out: str) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What a user of ONNX Runtime writes for mapInArrow: one session for each worker process."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        import doors

        if library not in doors._opened:
            doors._opened[library] = open_onnx(library, out)
        for batch in batches:
            labels = doors._opened[library](batch.column(1))
            yield pa.RecordBatch.from_arrays([*batch.columns, labels], ["id", "body", "label"])

    return run


def run_python(library: str, out: str, table: Any) -> Callable[[], list[str]]:
    classify = open_library(library, out)
    column = table["body"].combine_chunks()
    classify(column.slice(0, 64))
    return lambda: classify(column).to_pylist()


def run_duckdb(library: str, out: str, table: Any) -> Callable[[], list[str]]:
    import duckdb

    db = duckdb.connect(config={"allow_unsigned_extensions": True, "threads": 1})
    name = "distil_label"
    if library == "distil":
        os.environ["DISTIL_MODEL"] = f"{ROOT}/build/sst2.distil"
        db.execute(f"load '{ROOT}/build/duckdb/distil.duckdb_extension'")
    else:
        classify, name = open_onnx(library, out), "onnx_label"
        db.create_function(name, lambda texts: classify(texts.combine_chunks()),
                           [duckdb.sqltypes.VARCHAR], duckdb.sqltypes.VARCHAR, type="arrow")
    db.register("given", table)
    db.execute("create table reviews as select * from given")
    db.execute(f"select {name}(body) from reviews limit 64").fetchall()
    return lambda: [row[0] for row in
                    db.execute(f"select {name}(body) from reviews order by id").fetchall()]


def run_spark(library: str, out: str, table: Any) -> Callable[[], list[str]]:
    import distil.spark
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (SparkSession.builder.master("local-cluster[2,1,1024]")
             .config("spark.ui.enabled", "false")
             .config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.driver.host", "127.0.0.1")
             .config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
             .config("spark.executorEnv.TOKENIZERS_PARALLELISM", "false")
             .getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    df = spark.createDataFrame(table).repartition(2).cache()
    if library == "distil":
        answers = distil.spark.classify(df, "body", model=f"{ROOT}/build/sst2.distil")
    else:
        answers = df.mapInArrow(in_batches(library, out), "id long, body string, label string")
    answers.where("id < 64").collect()
    return lambda: [row.label for row in
                    sorted(answers.select("id", "label").collect(), key=lambda row: row.id)]


def main() -> None:
    door, library, out, texts = sys.argv[1:5]
    sys.path.insert(0, str(Path(__file__).parent))
    lines = Path(texts).read_text(encoding="utf-8").splitlines()
    table = pa.table({"id": list(range(len(lines))), "body": lines})
    job = {"python": run_python, "duckdb": run_duckdb, "spark": run_spark}[door](
        library, out, table)
    print("begin", flush=True)
    labels = job()
    print("end", json.dumps(labels), flush=True)
    sys.stdin.readline()  # processes stay until the parent has read their CPU times


if __name__ == "__main__":
    main()
