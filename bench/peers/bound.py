# SPDX-License-Identifier: Apache-2.0
"""The least time of a pass of this library on this host, by two programs that are timed like
engines:

  products  does as many multiply-adds as the pass, in the matrices and in attention, by the
            instructions of the level on registers alone (bench/ceiling.c)
  weights   reads the bytes of the layers' matrices once, in order, from the mapped blob

The longer of the two is the least time. All else that a pass does (quantising, softmax,
normalisation, GELU, the classification head) counts as nothing.
"""

from __future__ import annotations

import ctypes
import mmap
from typing import Sequence

import engines
from engines import Distil, Engine, Run, _abi

NAMES = ("products", "weights")
LANE_GROUP = 4  # Nearly all panels have lane groups of 4 quads, and these are the fastest.


def _layer(info: _abi.Info) -> int:
    """Weights in the matrices of one layer: Q, K, V and output, then two of the feed-forward
    network.
    """
    return 4 * info.dim**2 + 2 * info.dim * info.hidden_dim


def multiply_adds(info: _abi.Info, tokens: int) -> tuple[int, int]:
    """The multiply-adds of one pass, in matrices and in attention. In the last layer a pass
    computes keys and values for all tokens, but everything else for the first token only.
    """
    full, keys_values = info.n_layers - 1, 2 * info.dim**2
    matrices = tokens * (full * _layer(info) + keys_values) + _layer(info) - keys_values
    attention = 2 * info.dim * tokens * (full * tokens + 1)
    return matrices, attention


class _Ceiling(ctypes.Structure):
    """Mirrors struct bench_ceiling of bench/ceiling.h."""

    _fields_ = [
        ("mix", ctypes.c_char_p),
        ("level", ctypes.c_int),
        ("macs", ctypes.c_double),
        ("run", ctypes.CFUNCTYPE(None, ctypes.c_size_t)),
    ]


class _Bound(Engine):
    def __init__(self, ceilings: str, library: str, blob: str, isa: str) -> None:
        self._info = Distil(library, blob, isa).info
        self._lib = ctypes.CDLL(ceilings)


class Products(_Bound):
    def bind(self, ids: Sequence[int]) -> Run:
        found = self._lib.bench_qgemm_ceiling, self._lib.bench_attention_ceiling
        for function in found:
            function.restype = ctypes.POINTER(_Ceiling)
        level = self._info.isa - 1  # levels of kernels begin at 0, those of distil.h at 1
        ceilings = found[0](level, ctypes.c_size_t(LANE_GROUP)).contents, found[1](level).contents
        counts = multiply_adds(self._info, len(ids))
        loops = [(c.run, round(n / c.macs)) for c, n in zip(ceilings, counts, strict=True)]
        return lambda: [run(rounds) for run, rounds in loops]


class Weights(_Bound):
    def __init__(self, ceilings: str, library: str, blob: str, isa: str) -> None:
        super().__init__(ceilings, library, blob, isa)
        with open(blob, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)

    def bind(self, ids: Sequence[int]) -> Run:
        read = self._lib.bench_read
        place = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(self._map)))
        size = ctypes.c_size_t(self._info.n_layers * _layer(self._info) // 256 * 256)
        return lambda: read(place, size)


def load(name: str, *arguments: str) -> Engine:
    return {"products": Products, "weights": Weights}[name](*arguments)
