# SPDX-License-Identifier: Apache-2.0
"""Texts in arrays of Apache Arrow, which the library reads where they are."""

from __future__ import annotations

import ctypes
import importlib
from array import array as numbers
from collections.abc import Callable, Sequence
from typing import Any

from ._abi import TextAt
from ._engine import Context, Engine


def _import(name: str) -> Any:
    """Import a module that the package works without, so that its types are not known."""
    return importlib.import_module(name)


# A function that returns the address and the size of the text of an index.
Where = Callable[[int], "tuple[int, int]"]


def _find_by_offsets(array: Any, number: Any) -> Where:
    """Texts of a string or large_string array lie one after another in one buffer."""
    _, offsets_buffer, data = array.buffers()
    base = data.address if data is not None else 0
    first = offsets_buffer.address + ctypes.sizeof(number) * array.offset
    offsets = (number * (len(array) + 1)).from_address(first)

    def where(i: int) -> tuple[int, int]:
        return base + offsets[i], offsets[i + 1] - offsets[i]

    return where


class _View(ctypes.Structure):
    """An element of a string_view array that lies in a buffer, because it is longer than 12
    bytes."""

    _fields_ = [
        ("size", ctypes.c_int32),
        ("prefix", ctypes.c_int32),
        ("buffer", ctypes.c_int32),
        ("offset", ctypes.c_int32),
    ]


def _find_by_views(array: Any) -> Where:
    """Texts of a string_view array lie within their view, or in one of several buffers."""
    _, views_buffer, *data = array.buffers()
    addresses = [buffer.address if buffer is not None else 0 for buffer in data]
    first = views_buffer.address + ctypes.sizeof(_View) * array.offset
    views = (_View * len(array)).from_address(first)

    def where(i: int) -> tuple[int, int]:
        view = views[i]
        if view.size <= 12:
            return first + ctypes.sizeof(_View) * i + _View.prefix.offset, view.size
        return addresses[view.buffer] + view.offset, view.size

    return where


def _is_views(kind: Any) -> bool:
    pa = _import("pyarrow")

    return hasattr(pa.types, "is_string_view") and bool(pa.types.is_string_view(kind))


def _check_type(kind: Any) -> None:
    pa = _import("pyarrow")

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (_is_views(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise TypeError(
            f"classify_arrow: {kind} is none of string, large_string, string_view and a "
            "dictionary of one of these; array.cast(pyarrow.large_string()) makes it one"
        )


def _find(array: Any) -> Where:
    if len(array) == 0:
        return lambda i: (0, 0)
    if _is_views(array.type):
        return _find_by_views(array)
    large = _import("pyarrow").types.is_large_string(array.type)
    return _find_by_offsets(array, ctypes.c_int64 if large else ctypes.c_int32)


def _classify_rows(engine: Engine, labels: list[str], array: Any, rows: Sequence[int], flags: int,
                   function: int) -> Any:
    """Classify the texts with these indices. The answers of all other texts are null."""
    pa, pc = _import("pyarrow"), _import("pyarrow.compute")

    where = _find(array)
    best = numbers("i", bytes(4 * len(array)))
    scores = numbers("f", bytes(4 * len(array)))
    known = bytearray(len(array))
    done = 0

    def texts(begin: int, end: int) -> Any:
        kind: Any = TextAt * (end - begin)
        return kind(*[where(i) for i in rows[begin:end]])

    def read(context: Context, count: int) -> None:
        nonlocal done
        for k in range(count):
            result = context.results[k]
            i = rows[done + k]
            best[i], scores[i], known[i] = result.label, result.score, 1
        done += count

    engine.run(texts, lambda k: where(rows[k])[1], len(rows), flags, function, read)

    def make(kind: Any, values: Any) -> Any:
        return pa.Array.from_buffers(kind, len(array), [None, pa.py_buffer(values)])

    valid = pc.cast(make(pa.uint8(), known), pa.bool_())
    indices = pc.if_else(valid, make(pa.int32(), best), pa.scalar(None, pa.int32()))
    names = pa.DictionaryArray.from_arrays(indices, pa.array(labels, pa.string()))
    return pa.StructArray.from_arrays(
        [names.cast(pa.string()),
         pc.if_else(valid, make(pa.float32(), scores), pa.scalar(None, pa.float32()))],
        ["label", "score"],
        mask=pc.invert(valid),
    )


def _classify_array(engine: Engine, labels: list[str], array: Any, flags: int,
                    function: int) -> Any:
    pa = _import("pyarrow")

    if isinstance(array, pa.DictionaryArray):
        # Each value that occurs is classified once.
        values = array.dictionary
        used = {i for i in array.indices.unique().to_pylist() if i is not None}
        rows: Sequence[int] = [i for i in sorted(used) if values[i].is_valid]
        return _classify_rows(engine, labels, values, rows, flags, function).take(array.indices)
    rows = range(len(array))
    if array.null_count > 0:
        rows = [i for i, valid in enumerate(array.is_valid().to_pylist()) if valid]
    return _classify_rows(engine, labels, array, rows, flags, function)


def classify_arrow(engine: Engine, labels: list[str], array: Any, flags: int, function: int) -> Any:
    pa = _import("pyarrow")

    if not isinstance(array, (pa.Array, pa.ChunkedArray)) and hasattr(array, "__arrow_c_stream__"):
        array = pa.chunked_array(array)  # a column of Polars or another library, without a copy
    if not isinstance(array, (pa.Array, pa.ChunkedArray)):
        raise TypeError(f"classify_arrow: {type(array).__name__} is no array of Arrow")
    _check_type(array.type)
    if not isinstance(array, pa.ChunkedArray):
        return _classify_array(engine, labels, array, flags, function)
    kind = pa.struct([("label", pa.string()), ("score", pa.float32())])
    chunks = [_classify_array(engine, labels, chunk, flags, function) for chunk in array.chunks]
    return pa.chunked_array(chunks, kind)
