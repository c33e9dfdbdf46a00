# SPDX-License-Identifier: Apache-2.0
"""The structures and functions of distil.h, for ctypes.

This module imports nothing but ctypes and loads no library, so that programs other than the package
can use it too: the benchmarks of the source tree load libraries of their own choice with it.
"""

from __future__ import annotations

import ctypes

# The version of the interface that this module describes. A library of another major or minor
# version may have other structures.
VERSION = "0.2"

SPLIT_SPECIAL_TOKENS = 1
NO_TEXT = ctypes.c_size_t(-1).value
NO_STRIDE = NO_TEXT
FUNCTIONS = {"softmax": 1, "sigmoid": 2, "none": 3}
COMBINE = {"mean": 0, "max": 1, "first": 2}
AGGREGATIONS = {"none": 0, "simple": 1, "first": 2, "average": 3, "max": 4}
TASKS = {1: "sequence classification", 2: "token classification",
         3: "question answering", 4: "embeddings"}
POOLING = {"cls": 1, "mean": 2, "max": 3}
NORMALIZATION = {None: 0, True: 1, False: 2}
VERIFY = {"none": 0, "crc": 1, "sha256": 2, "proof": 3}


class Options(ctypes.Structure):
    """distil_options; zero is the default of each member."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("max_isa", ctypes.c_int),
        ("verify", ctypes.c_int),
        ("exact_isa", ctypes.c_int),
        ("allocator", ctypes.c_void_p),
    ]


class ContextOptions(ctypes.Structure):
    """distil_context_options; zero is the default of each member."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("max_batch_tokens", ctypes.c_size_t),
        ("threads", ctypes.c_size_t),
        ("allocator", ctypes.c_void_p),
        ("function", ctypes.c_int),
        ("cancel", ctypes.c_void_p),
        ("executor", ctypes.c_void_p),
        ("window", ctypes.c_size_t),
        ("stride", ctypes.c_size_t),
        ("combine", ctypes.c_int),
    ]


class ErrorDetails(ctypes.Structure):
    """distil_error."""

    _fields_ = [
        ("status", ctypes.c_int),
        ("system_errno", ctypes.c_int),
        ("offset", ctypes.c_uint64),
        ("text", ctypes.c_size_t),
        ("message", ctypes.c_char * 160),
        ("reserved", ctypes.c_uint64 * 4),
    ]


class Info(ctypes.Structure):
    """distil_model_info."""

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
        ("rank_function", ctypes.c_int),
        ("task", ctypes.c_int),
        ("vector_size", ctypes.c_size_t),
        ("pooling", ctypes.c_int),
        ("normalized", ctypes.c_int),
        ("reserved", ctypes.c_uint64 * 6),
    ]


class EmbedOptions(ctypes.Structure):
    """distil_embed_options; zero is the default of each member."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("pooling", ctypes.c_int),
        ("normalization", ctypes.c_int),
    ]


class Text(ctypes.Structure):
    """distil_text that a bytes object holds; the structure keeps the object alive."""

    _fields_ = [
        ("bytes", ctypes.c_char_p),
        ("size", ctypes.c_size_t),
        ("pair", ctypes.c_char_p),
        ("pair_size", ctypes.c_size_t),
    ]


class TextAt(ctypes.Structure):
    """distil_text at an address; the caller keeps the memory alive."""

    _fields_ = [
        ("bytes", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("pair", ctypes.c_void_p),
        ("pair_size", ctypes.c_size_t),
    ]


class Result(ctypes.Structure):
    """distil_result."""

    _fields_ = [
        ("label", ctypes.c_size_t),
        ("score", ctypes.c_float),
        ("token_count", ctypes.c_size_t),
        ("truncated", ctypes.c_int),
        ("windows", ctypes.c_size_t),
    ]


class Scores(ctypes.Structure):
    """distil_scores."""

    _fields_ = [("logits", ctypes.c_void_p), ("probabilities", ctypes.c_void_p)]


class Offsets(ctypes.Structure):
    """distil_offsets."""

    _fields_ = [
        ("begin", ctypes.c_uint32),
        ("end", ctypes.c_uint32),
        ("char_begin", ctypes.c_uint32),
        ("char_end", ctypes.c_uint32),
    ]


class Entity(ctypes.Structure):
    """distil_entity."""

    _fields_ = [
        ("label", ctypes.c_size_t),
        ("name", ctypes.c_char_p),
        ("score", ctypes.c_float),
        ("token", ctypes.c_uint32),
        ("where", Offsets),
    ]


class Entities(ctypes.Structure):
    """distil_entities; the caller keeps the memory of the items alive."""

    _fields_ = [
        ("items", ctypes.c_void_p),
        ("capacity", ctypes.c_size_t),
        ("count", ctypes.c_size_t),
        ("token_count", ctypes.c_size_t),
        ("truncated", ctypes.c_int),
        ("windows", ctypes.c_size_t),
    ]


class AnswerOptions(ctypes.Structure):
    """distil_answer_options; zero is the default of each member."""

    _fields_ = [
        ("size", ctypes.c_size_t),
        ("top_k", ctypes.c_size_t),
        ("max_answer_tokens", ctypes.c_size_t),
        ("window", ctypes.c_size_t),
        ("stride", ctypes.c_size_t),
        ("allow_none", ctypes.c_int),
    ]


class Answer(ctypes.Structure):
    """distil_answer."""

    _fields_ = [
        ("score", ctypes.c_float),
        ("where", Offsets),
    ]


def load(path: str) -> ctypes.CDLL:
    """Load the library at a path and declare its functions. Raises ImportError if its version is
    another one than this module describes, and OSError if it cannot be loaded."""
    # CDLL releases the GIL during each call, so threads of Python classify at the same time.
    library = ctypes.CDLL(path)
    try:
        number = int(library.distil_version_number())
        version = f"{number // 1000000}.{number // 1000 % 1000}"
    except AttributeError:
        version = "0.1"  # the function came with 0.2
    if version != VERSION:
        raise ImportError(f"{path}: the library has version {version}, and this package is for "
                          f"version {VERSION}: install both from the same release")
    pointer, size, status = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    text, flags = ctypes.c_char_p, ctypes.c_uint32
    signatures = {
        "distil_version": (text, []),
        "distil_status_str": (text, [status]),
        "distil_isa_name": (text, [ctypes.c_int]),
        "distil_isa_parse": (status, [pointer, text]),
        "distil_model_open": (status, [pointer, text, pointer, pointer]),
        "distil_model_close": (status, [pointer]),
        "distil_model_get_info": (status, [pointer, pointer]),
        "distil_model_label": (text, [pointer, size]),
        "distil_tokenize": (status, [pointer, pointer, size, pointer, text, size, flags]),
        "distil_context_new": (status, [pointer, pointer, pointer, pointer]),
        "distil_context_free": (None, [pointer]),
        "distil_context_error": (ctypes.POINTER(ErrorDetails), [pointer]),
        "distil_classify": (status, [pointer, pointer, pointer, text, size, flags]),
        "distil_classify_batch": (status, [pointer, pointer, pointer, pointer, size, flags]),
        "distil_find_entities": (status, [pointer, pointer, pointer, size, ctypes.c_int, flags]),
        "distil_classify_ids": (status, [pointer, pointer, pointer, pointer, size]),
        "distil_answer_capacity": (status, [pointer, pointer, pointer, flags, pointer]),
        "distil_answer_question": (status, [pointer, pointer, size, pointer, pointer, flags,
                                            pointer]),
        "distil_embed": (status, [pointer, pointer, pointer, pointer, size, flags, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
