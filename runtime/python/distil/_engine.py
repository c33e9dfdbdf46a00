# SPDX-License-Identifier: Apache-2.0
"""An opened model with its contexts.

A context of the library serves one call at a time, and the library does not check that. So each
call of Python takes a context that nobody uses, or makes one, and gives it back. There are never
more contexts than calls at the same time.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ._library import (
    ISA_BEST,
    MAX_ROWS,
    ErrorDetails,
    Info,
    Options,
    Result,
    Scores,
    check,
    library,
)

T = TypeVar("T")


class Context:
    """A context of the library with room for the answers of MAX_ROWS texts."""

    def __init__(self, model: ctypes.c_void_p, n_labels: int) -> None:
        self.pointer = ctypes.c_void_p()
        self.results = (Result * MAX_ROWS)()
        self.logits = (ctypes.c_float * (MAX_ROWS * n_labels))()
        self.probabilities = (ctypes.c_float * (MAX_ROWS * n_labels))()
        logits = ctypes.addressof(self.logits)
        probabilities = ctypes.addressof(self.probabilities)
        scores: Any = Scores * MAX_ROWS
        self.scores: ctypes.Array[Any] = scores(
            *((logits + 4 * i, probabilities + 4 * i)
              for i in range(0, MAX_ROWS * n_labels, n_labels))
        )
        check(library.distil_context_new(ctypes.byref(self.pointer), model, None))

    def classify(self, texts: ctypes.Array[Any], count: int, flags: int) -> None:
        check(library.distil_classify_batch(self.pointer, self.results, self.scores, texts, count,
                                            flags))


class Engine:
    """Owns the model and the contexts that no call uses."""

    def __init__(self, path: str, isa: str | None, verify: int) -> None:
        options = Options(ISA_BEST, verify, 0, None)
        details = ErrorDetails()
        level = ctypes.c_int()
        self.model = ctypes.c_void_p()
        if isa is not None:
            if library.distil_isa_parse(ctypes.byref(level), isa.encode()) != 0:
                raise ValueError(f"isa: {isa!r} is no level; docs/kernels.md lists them")
            options.max_isa = level.value
        check(
            library.distil_model_open(ctypes.byref(self.model), os.fsencode(path),
                                      ctypes.byref(options), ctypes.byref(details)),
            f"{path}: {details.message.decode(errors='replace')}",
        )
        self.info = Info()
        check(library.distil_model_get_info(self.model, ctypes.byref(self.info)))
        self.lock = threading.Lock()
        self.idle: list[Context] = []
        self.users = 0  # calls that are using the model
        self.closed = False
        _engines.add(self)

    def call(self, function: Callable[[Context], T]) -> T:
        """Call the function with a context that it has for itself."""
        self.enter()
        context = None
        try:
            with self.lock:
                if self.idle:
                    context = self.idle.pop()
            if context is None:
                context = Context(self.model, self.info.n_labels)
            return function(context)
        finally:
            self.leave(context)

    def enter(self) -> None:
        """Keep the model open until leave() is called."""
        with self.lock:
            if self.closed:
                raise ValueError("the model is closed")
            self.users += 1

    def leave(self, context: Context | None = None) -> None:
        with self.lock:
            self.users -= 1
            if context is not None:
                self.idle.append(context)
            self.release_if_unused()

    def close(self) -> None:
        """Release everything, as soon as no call uses it. Later calls raise ValueError."""
        with self.lock:
            self.closed = True
            self.release_if_unused()

    def release_if_unused(self) -> None:
        """Free contexts and model if the engine is closed and idle. The caller has the lock."""
        if not self.closed or self.users > 0 or not self.model:
            return
        for context in self.idle:
            library.distil_context_free(context.pointer)
        self.idle.clear()
        library.distil_model_close(self.model)
        self.model = ctypes.c_void_p()

    def run(self, array: Callable[[int, int], ctypes.Array[Any]], count: int, flags: int,
            read: Callable[[Context, int], None]) -> None:
        """Classify `count` texts in pieces. array(begin, end) returns the texts of a piece, and
        read(context, n) reads its n answers."""
        for begin in range(0, count, MAX_ROWS):
            end = min(begin + MAX_ROWS, count)
            texts = array(begin, end)

            def classify(context: Context, texts: ctypes.Array[Any] = texts,
                         n: int = end - begin) -> None:
                context.classify(texts, n, flags)
                read(context, n)

            self.call(classify)


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    """In a child process only the thread that forked exists. Calls of other threads never end here,
    and their contexts are lost; a lock that one of them held is replaced."""
    for engine in list(_engines):
        engine.lock = threading.Lock()
        engine.users = 0


os.register_at_fork(after_in_child=_after_fork)


def labels_of(engine: Engine) -> Sequence[str]:
    return [library.distil_model_label(engine.model, i).decode()
            for i in range(engine.info.n_labels)]
