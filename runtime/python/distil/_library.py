# SPDX-License-Identifier: Apache-2.0
"""The C library: its structures, its functions and its errors, as distil.h declares them."""

from __future__ import annotations

import ctypes
import os
import pathlib
from typing import Any

__all__ = ["DistilError", "MAX_ROWS"]

# The most rows of one call of the library. Python handles signals between calls, so Ctrl-C waits
# for the rows of one call only.
MAX_ROWS = 256

# The version of the interface in distil.h that the structures below describe.
VERSION = "0.1"

SPLIT_SPECIAL_TOKENS = 1
ISA_BEST = 255
FUNCTIONS = {1: "softmax", 2: "sigmoid", 3: "none"}
VERIFY = {"none": 0, "crc": 1, "sha256": 2}


class DistilError(Exception):
    """An error of the library.

    ``status`` is the number of the status in distil.h, and the message says what was found and what
    was expected. docs/errors.md lists all statuses with causes and remedies.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return DistilError, (self.status, str(self))


class Options(ctypes.Structure):
    _fields_ = [
        ("max_isa", ctypes.c_int),
        ("verify", ctypes.c_int),
        ("exact_isa", ctypes.c_int),
        ("allocator", ctypes.c_void_p),
    ]


class ErrorDetails(ctypes.Structure):
    _fields_ = [
        ("status", ctypes.c_int),
        ("system_errno", ctypes.c_int),
        ("offset", ctypes.c_uint64),
        ("message", ctypes.c_char * 160),
    ]


class Info(ctypes.Structure):
    _fields_ = [
        ("dim", ctypes.c_size_t),
        ("hidden_dim", ctypes.c_size_t),
        ("n_layers", ctypes.c_size_t),
        ("n_heads", ctypes.c_size_t),
        ("vocab_size", ctypes.c_size_t),
        ("max_positions", ctypes.c_size_t),
        ("n_labels", ctypes.c_size_t),
        ("blob_bytes", ctypes.c_size_t),
        ("isa", ctypes.c_int),
        ("function", ctypes.c_int),
        ("sha256", ctypes.c_uint8 * 32),
        ("reserved", ctypes.c_uint8 * 256),  # room for fields that a later library may append
    ]


class Text(ctypes.Structure):
    """A text that a bytes object holds; the structure keeps the object alive."""

    _fields_ = [("bytes", ctypes.c_char_p), ("size", ctypes.c_size_t)]


class TextAt(ctypes.Structure):
    """A text at an address; the caller keeps the memory alive."""

    _fields_ = [("bytes", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Result(ctypes.Structure):
    _fields_ = [
        ("label", ctypes.c_size_t),
        ("score", ctypes.c_float),
        ("token_count", ctypes.c_size_t),
        ("truncated", ctypes.c_int),
    ]


class Scores(ctypes.Structure):
    _fields_ = [("logits", ctypes.c_void_p), ("probabilities", ctypes.c_void_p)]


def _load() -> ctypes.CDLL:
    """Load the library that DISTIL_LIBRARY names, or else the one within the package."""
    own = pathlib.Path(__file__).resolve().parent / "libdistil.so"
    # CDLL releases the GIL during each call, so threads of Python classify at the same time.
    library = ctypes.CDLL(os.environ.get("DISTIL_LIBRARY") or str(own))
    pointer, size, status = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "distil_version": (ctypes.c_char_p, []),
        "distil_status_str": (ctypes.c_char_p, [status]),
        "distil_isa_name": (ctypes.c_char_p, [ctypes.c_int]),
        "distil_isa_parse": (status, [pointer, ctypes.c_char_p]),
        "distil_model_open": (status, [pointer, ctypes.c_char_p, pointer, pointer]),
        "distil_model_close": (None, [pointer]),
        "distil_model_get_info": (status, [pointer, pointer]),
        "distil_model_label": (ctypes.c_char_p, [pointer, size]),
        "distil_tokenize": (
            status,
            [pointer, pointer, size, pointer, ctypes.c_char_p, size, ctypes.c_uint32],
        ),
        "distil_context_new": (status, [pointer, pointer, pointer]),
        "distil_context_free": (None, [pointer]),
        "distil_classify_batch": (
            status,
            [pointer, pointer, pointer, pointer, size, ctypes.c_uint32],
        ),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    version: str = library.distil_version().decode()
    if version.rsplit(".", 1)[0] != VERSION:
        raise ImportError(f"libdistil.so has version {version}; this package needs {VERSION}")
    return library


library = _load()


def check(status: int, message: str | None = None) -> None:
    """Raise an exception with the message, or with that of the status, if the status is an error."""
    if status != 0:
        raise DistilError(status, message or library.distil_status_str(status).decode())
