# SPDX-License-Identifier: Apache-2.0
"""An opened model with its contexts.

A context of the library serves one call at a time, and the library does not check that. So each
call of Python takes a context that nobody uses, or makes one, and gives it back. For each function
of logits there are never more contexts than calls at the same time.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ._abi import (
    NO_TEXT,
    ContextOptions,
    EmbedOptions,
    ErrorDetails,
    Info,
    Options,
    Result,
    Scores,
)
from ._library import DistilError, check, library

# Python handles signals between calls of the library, so Ctrl-C waits for the end of one call. A call
# classifies at most so many texts, and about as many bytes as take so long.
MAX_ROWS = 256
SECONDS = 0.3

# Bytes of texts of the first call, before the speed of the model on this machine is known.
FIRST_BYTES = 16384


class Context:
    """A context of the library with room for the answers of MAX_ROWS texts."""

    def __init__(self, model: ctypes.c_void_p, n_labels: int, function: int,
                 windows: tuple[int, int, int]) -> None:
        self.function = function
        self.pointer = ctypes.c_void_p()
        self.results = (Result * MAX_ROWS)()
        self.logits = (ctypes.c_float * (MAX_ROWS * n_labels))()
        self.probabilities = (ctypes.c_float * (MAX_ROWS * n_labels))()
        logits = ctypes.addressof(self.logits)
        probabilities = ctypes.addressof(self.probabilities)
        scores: Any = Scores * MAX_ROWS
        self.scores: Any = scores(
            *((logits + 4 * i * n_labels, probabilities + 4 * i * n_labels)
              for i in range(MAX_ROWS))
        )
        self.vectors: Any = None  # the vectors of MAX_ROWS texts, from the first embedding on
        window, stride, combine = windows
        options = ContextOptions(size=ctypes.sizeof(ContextOptions), function=function,
                                 window=window, stride=stride, combine=combine)
        details = ErrorDetails()
        status = library.distil_context_new(ctypes.byref(self.pointer), model,
                                            ctypes.byref(options), ctypes.byref(details))
        check(status, details.message.decode(errors="replace"))

    def classify(self, texts: Any, first: int, count: int, flags: int) -> None:
        """Classify an array of texts, which are texts first .. first + count - 1 of the caller."""
        self.check(library.distil_classify_batch(self.pointer, self.results, self.scores, texts,
                                                 count, flags), first)

    def embed(self, texts: Any, first: int, count: int, flags: int, size: int,
              options: EmbedOptions) -> None:
        """Compute the vectors, of `size` numbers each, of an array of texts as for classify."""
        if self.vectors is None:
            self.vectors = (ctypes.c_float * (MAX_ROWS * size))()
        self.check(library.distil_embed(self.pointer, self.vectors, None, texts, count, flags,
                                        ctypes.byref(options)), first)

    def check(self, status: int, first: int) -> None:
        """Raise the error of a call whose first text was text `first` of the caller, if it failed."""
        if status != 0:
            error = library.distil_context_error(self.pointer).contents
            message = error.message.decode(errors="replace")
            if error.text == NO_TEXT:
                raise DistilError(status, message)
            reason = message.split(": ", 1)[-1]
            text = first + error.text
            raise DistilError(status, f"text {text}: {reason}", text)


class Engine:
    """Owns the model and the contexts that no call uses."""

    def __init__(self, path: str, isa: str | None, verify: int,
                 windows: tuple[int, int, int]) -> None:
        options = Options(size=ctypes.sizeof(Options), verify=verify)
        details = ErrorDetails()
        level = ctypes.c_int()
        self.model = ctypes.c_void_p()
        if isa is not None:
            if library.distil_isa_parse(ctypes.byref(level), isa.encode()) != 0:
                levels = "scalar, avx2, avxvnni, avx512, avx512vnni or best"
                raise ValueError(f"isa: expected {levels}, found {isa!r}")
            options.max_isa = level.value
        status = library.distil_model_open(ctypes.byref(self.model), os.fsencode(path),
                                           ctypes.byref(options), ctypes.byref(details))
        why = details.message.decode(errors="replace")
        if details.system_errno:
            why += f": {os.strerror(details.system_errno)}"
        check(status, f"{path}: {why}")
        self.info = Info()
        check(library.distil_model_get_info(self.model, ctypes.byref(self.info)))
        self.windows = windows
        self.piece_bytes = float(FIRST_BYTES)
        # With windows all of a text is classified, and without them hardly more than so many bytes.
        self.longest = 8 * self.info.max_positions if windows[0] == 0 else sys.maxsize
        self.lock = threading.Lock()
        self.idle: list[Context] = []
        self.lent: list[tuple[int, Context]] = []  # contexts in use, each with its thread
        self.users: list[int] = []  # the thread of each call that is using the model
        self.closed = False
        _engines.add(self)

    @contextmanager
    def use(self) -> Iterator[None]:
        """Keep the model open within a `with` statement. Raises ValueError if it is closed."""
        with self.lock:
            if self.closed:
                raise ValueError("the model is closed")
            thread = threading.get_ident()
            self.users.append(thread)
        try:
            yield
        finally:
            with self.lock:
                self.users.remove(thread)
                self.release_if_unused()

    @contextmanager
    def context(self, function: int) -> Iterator[Context]:
        """Lend a context with that function of logits within a `with` statement."""
        with self.use():
            context = self.find_idle(function) or Context(self.model, self.info.n_labels, function,
                                                          self.windows)
            loan = threading.get_ident(), context
            with self.lock:
                self.lent.append(loan)
            try:
                yield context
            finally:
                with self.lock:
                    self.lent.remove(loan)
                    self.idle.append(context)

    def find_idle(self, function: int) -> Context | None:
        """Take the context that was used last, whose scratch memory is still in the caches."""
        with self.lock:
            for i in range(len(self.idle) - 1, -1, -1):
                if self.idle[i].function == function:
                    return self.idle.pop(i)
        return None

    def close(self) -> None:
        """Release everything, as soon as no call uses it. Later calls raise ValueError."""
        with self.lock:
            self.closed = True
            self.release_if_unused()

    def release_if_unused(self) -> None:
        """Free contexts and model if the engine is closed and idle. The caller has the lock."""
        if not self.closed or self.users or not self.model:
            return
        for context in self.idle:
            library.distil_context_free(context.pointer)
        self.idle.clear()
        # In a child process this fails if another thread of the parent was just making a context
        # when the process forked. The model then stays mapped until the child ends.
        library.distil_model_close(self.model)
        self.model = ctypes.c_void_p()

    def forget_threads(self) -> None:
        """Free what other threads had lent. In a child process only the thread that forked exists:
        the calls of others never end there, and a lock that one of them held stays locked."""
        thread = threading.get_ident()
        self.lock = threading.Lock()
        for owner, context in self.lent:
            if owner != thread:
                library.distil_context_free(context.pointer)
        self.lent = [loan for loan in self.lent if loan[0] == thread]
        self.users = [user for user in self.users if user == thread]
        with self.lock:
            self.release_if_unused()

    def run(self, texts: Callable[[int, int], Any], size: Callable[[int], int], count: int,
            flags: int, function: int, read: Callable[[Context, int], None],
            work: Callable[[Context, Any, int, int], None] | None = None) -> None:
        """Classify `count` texts in pieces, or do other work with each of them. texts(begin, end)
        returns the texts of a piece as an array of distil_text, size(i) the bytes of a text or
        about as much, and read(context, n) reads the n answers of a piece."""
        begin = 0
        while begin < count:
            end, cost = begin, 0
            while end < min(count, begin + MAX_ROWS) and cost < self.piece_bytes:
                cost += min(size(end), self.longest) + 16
                end += 1
            piece = texts(begin, end)
            with self.context(function) as context:
                started = time.monotonic()
                if work is None:
                    context.classify(piece, begin, end - begin, flags)
                else:
                    work(context, piece, begin, end - begin)
                seconds = time.monotonic() - started
                read(context, end - begin)
            wanted = cost * SECONDS / max(seconds, 1e-6)
            self.piece_bytes = min(max(wanted, self.piece_bytes / 4, 1), self.piece_bytes * 4)
            begin = end


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_engines):
        engine.forget_threads()


os.register_at_fork(after_in_child=_after_fork)


def labels_of(engine: Engine) -> list[str]:
    return [library.distil_model_label(engine.model, i).decode()
            for i in range(engine.info.n_labels)]
