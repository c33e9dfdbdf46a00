# SPDX-License-Identifier: Apache-2.0
"""Entities of texts as the token-classification pipeline of transformers gives them."""

from __future__ import annotations

import ctypes
from typing import Any

from ._abi import AGGREGATIONS, Entities, Entity, Text
from ._engine import Context, Engine
from ._library import library

# The softmax, which the library applies to the labels of tokens whatever the context's function is.
SOFTMAX = 1


def dictionary(entity: Any, text: bytes, single: bool) -> dict[str, Any]:
    """One entity in the members and the order of the pipeline."""
    where = entity.where
    word = text[where.begin:where.end].decode(errors="replace")
    answer: dict[str, Any] = {"entity" if single else "entity_group": entity.name.decode(),
                              "score": entity.score}
    if single:
        answer["index"] = entity.token
    return {**answer, "word": word, "start": where.char_begin, "end": where.char_end}


def find_entities(engine: Engine, texts: list[bytes], aggregation: str,
                  flags: int) -> list[list[dict[str, Any]]]:
    """The entities of each text."""
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation: {aggregation!r} is none of {', '.join(AGGREGATIONS)}")
    how, single = AGGREGATIONS[aggregation], aggregation == "none"
    answers: list[list[dict[str, Any]]] = []

    def find(context: Context, found: Any, piece: Any, first: int, count: int) -> None:
        context.check(library.distil_find_entities(context.pointer, found, piece, count, how,
                                                   flags), first)

    def work(context: Context, piece: Any, first: int, count: int) -> None:
        kind: Any = Entities * count
        found = kind()
        items = []
        for i in range(count):
            capacity = min(len(texts[first + i]), engine.info.max_positions)
            items.append((Entity * capacity)())
            found[i].items, found[i].capacity = ctypes.addressof(items[i]), capacity
        find(context, found, piece, first, count)
        for i in range(count):
            if found[i].count > found[i].capacity:  # Several windows.
                items[i] = (Entity * found[i].count)()
                found[i].items = ctypes.addressof(items[i])
                found[i].capacity = found[i].count
                find(context, ctypes.byref(found[i]), ctypes.byref(piece[i]), first + i, 1)
            answers.append([dictionary(entity, texts[first + i], single)
                            for entity in items[i][: found[i].count]])

    def piece(begin: int, end: int) -> Any:
        kind: Any = Text * (end - begin)
        return kind(*[Text(text, len(text)) for text in texts[begin:end]])

    engine.run(piece, lambda i: len(texts[i]), len(texts), flags, SOFTMAX,
               lambda context, count: None, work)
    return answers
