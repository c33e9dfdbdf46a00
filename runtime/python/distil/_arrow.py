# SPDX-License-Identifier: Apache-2.0
"""Texts in arrays of Apache Arrow, which the library reads where they are."""

from __future__ import annotations

import ctypes
from typing import Any

from ._engine import Context, Engine
from ._library import TextAt


def _addresses(array: Any, wide: bool) -> list[tuple[int, int]]:
    """The address and the size of each text of a string or large_string array."""
    _, offsets_buffer, data = array.buffers()
    base = data.address if data is not None else 0
    kind = ctypes.c_int64 if wide else ctypes.c_int32
    if offsets_buffer is None or len(array) == 0:
        return [(0, 0)] * len(array)
    first = offsets_buffer.address + ctypes.sizeof(kind) * array.offset
    offsets = (kind * (len(array) + 1)).from_address(first)[:]
    return [(base + begin, end - begin) for begin, end in zip(offsets, offsets[1:])]


def _classify_array(engine: Engine, labels: list[str], array: Any, flags: int) -> Any:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise TypeError(
            f"classify_arrow: {array.type} is neither string nor large_string; "
            "array.cast(pyarrow.large_string()) makes it one"
        )
    where = _addresses(array, pa.types.is_large_string(array.type))
    rows = [i for i, valid in enumerate(array.is_valid().to_pylist()) if valid]
    indices: list[int | None] = [None] * len(array)
    scores: list[float | None] = [None] * len(array)
    done = 0

    def texts(begin: int, end: int) -> ctypes.Array[Any]:
        kind: Any = TextAt * (end - begin)
        piece: ctypes.Array[Any] = kind(*[where[i] for i in rows[begin:end]])
        return piece

    def read(context: Context, count: int) -> None:
        nonlocal done
        for k in range(count):
            indices[rows[done + k]] = context.results[k].label
            scores[rows[done + k]] = context.results[k].score
        done += count

    engine.run(texts, len(rows), flags, read)
    names = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(labels))
    return pa.StructArray.from_arrays(
        [names.cast(pa.string()), pa.array(scores, pa.float32())],
        ["label", "score"],
        mask=array.is_null(),
    )


def classify_arrow(engine: Engine, labels: list[str], array: Any, flags: int) -> Any:
    import pyarrow as pa  # type: ignore[import-untyped, unused-ignore]

    if not isinstance(array, pa.ChunkedArray):
        return _classify_array(engine, labels, array, flags)
    kind = pa.struct([("label", pa.string()), ("score", pa.float32())])
    chunks = [_classify_array(engine, labels, chunk, flags) for chunk in array.chunks]
    return pa.chunked_array(chunks, kind)
