# SPDX-License-Identifier: Apache-2.0
"""Classify a column of a Spark DataFrame.

    >>> from distil.spark import classify
    >>> answers = classify(reviews, text="body", model="/models/sst2.distil")

This module needs PySpark 4 and pyarrow. Spark's Python workers import it, so the package must be
installed wherever executors run.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import Model

__all__ = ["classify"]

# Spark reuses a worker process for many tasks, which share its models.
_models: dict[tuple[str, str | None], Model] = {}
_lock = threading.Lock()


def _find(model: str) -> str:
    """The path of a model on this machine: as it is, or of a file that SparkContext.addFile has
    sent."""
    if os.path.exists(model):
        return model
    sent: str = importlib.import_module("pyspark").SparkFiles.get(model)
    if os.path.exists(sent):
        return sent
    raise FileNotFoundError(
        f"distil.spark: there is no model {model!r} on this executor: give a path that every "
        f"executor can read, or call spark.sparkContext.addFile(path) and give the file's name"
    )


def _open(model: str, isa: str | None) -> Model:
    """The model of this process."""
    path = _find(model)
    with _lock:
        if (path, isa) not in _models:
            _models[path, isa] = Model(path, isa)
        return _models[path, isa]


def _classify_column(model: Model, column: Any, function: str | None,
                     pool: ThreadPoolExecutor | None, threads: int) -> Any:
    pa = importlib.import_module("pyarrow")
    if pa.types.is_binary(column.type):
        column = column.view(pa.string())  # the same bytes; those that are no UTF-8 stay as they are
    elif pa.types.is_large_binary(column.type):
        column = column.view(pa.large_string())
    if pool is None or len(column) < threads:
        return model.classify_arrow(column, function)
    size = -(-len(column) // threads)
    pieces = [column.slice(begin, size) for begin in range(0, len(column), size)]
    return pa.concat_arrays(
        list(pool.map(lambda piece: model.classify_arrow(piece, function), pieces)))


def _batches(model: str, text: str, names: list[str], isa: str | None, function: str | None,
             threads: int) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """The function that Spark calls with the batches of a partition."""

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        pa = importlib.import_module("pyarrow")
        opened = _open(model, isa)
        pool = ThreadPoolExecutor(threads) if threads > 1 else None
        try:
            for batch in batches:
                column = batch.column(batch.schema.get_field_index(text))
                answers = _classify_column(opened, column, function, pool, threads)
                yield pa.RecordBatch.from_arrays(
                    [*batch.columns, answers.field("label"), answers.field("score")], names)
        finally:
            if pool is not None:
                pool.shutdown()

    return run


def classify(df: Any, text: str = "text", *, model: str | os.PathLike[str], label: str = "label",
             score: str = "score", isa: str | None = None, function: str | None = None,
             threads: int = 1) -> Any:
    """Return the DataFrame with two more columns, the label and the score of a text.

    Rows and all other columns stay as they are. Each row is classified once each time that Spark
    evaluates the DataFrame. Null gives null.

    Parameters
    ----------
    df
        A DataFrame.
    text
        The column with the texts, a string or binary column. Bytes that are no UTF-8 count as
        U+FFFD.
    model
        The path of a model that all executors can read, or the name of a file that
        ``SparkContext.addFile`` has sent to them. Each worker process opens it once.
    label, score
        The names of the new columns, a string and a float.
    isa, function
        As for ``distil.Model`` and ``Model.classify``.
    threads
        The threads of each task. Spark runs as many tasks as an executor has cores, so more threads
        than ``spark.task.cpus`` compete with each other.

    Raises
    ------
    ValueError
        The DataFrame has no such text column, or already has one of the new ones.
    TypeError
        The text column is neither a string nor a binary column.
    """
    types = importlib.import_module("pyspark.sql.types")
    fields = {field.name: field for field in df.schema.fields}
    if len(fields) < len(df.schema.fields):
        raise ValueError("distil.spark: two columns have the same name: rename one of them")
    if text not in fields:
        raise ValueError(f"distil.spark: there is no column {text!r}, but {', '.join(fields)}")
    if not isinstance(fields[text].dataType, (types.StringType, types.BinaryType)):
        raise TypeError(f"distil.spark: the column {text!r} is {fields[text].dataType.typeName()}: "
                        f"cast it to string")
    for name in (label, score):
        if name in fields or label == score:
            raise ValueError(f"distil.spark: there is a column {name!r} already: choose other "
                             f"names by label= and score=")
    if threads < 1:
        raise ValueError("distil.spark: threads is at least 1")
    schema = types.StructType([*df.schema.fields, types.StructField(label, types.StringType()),
                               types.StructField(score, types.FloatType())])
    run = _batches(os.fspath(model), text, [*fields, label, score], isa, function, threads)
    return df.mapInArrow(run, schema)
