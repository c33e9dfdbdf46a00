# SPDX-License-Identifier: Apache-2.0
"""A DistilBERT folder of Hugging Face transformers: its shape, and its tensors as float32 arrays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open


@dataclass(frozen=True)
class Shape:
    dim: int
    hidden_dim: int
    n_heads: int
    n_layers: int
    vocab_size: int
    max_positions: int

    @property
    def head_size(self) -> int:
        return self.dim // self.n_heads


class Checkpoint:
    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.shape = Shape(
            dim=config["dim"],
            hidden_dim=config["hidden_dim"],
            n_heads=config["n_heads"],
            n_layers=config["n_layers"],
            vocab_size=config["vocab_size"],
            max_positions=config["max_position_embeddings"],
        )
        self._file = safe_open(folder / "model.safetensors", framework="numpy")
        self._names = frozenset(self._file.keys())

    def tensor(self, name: str) -> np.ndarray:
        """The tensor of this name. Checkpoints may or may not put "distilbert." in front of it."""
        stored = name if name in self._names else f"distilbert.{name}"
        return self._file.get_tensor(stored).astype(np.float32)
