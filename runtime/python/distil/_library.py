# SPDX-License-Identifier: Apache-2.0
"""The library that the package uses, and its errors."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from . import _abi

__all__ = ["CommandError", "DistilError", "check", "library"]


class DistilError(Exception):
    """An error of the library.

    ``status`` is the number of the status in distil.h, and the message says what was found and what
    was expected. ``text`` is the index of the text that failed, or None if the error concerns no
    text. docs/errors.md lists all statuses with causes and remedies.
    """

    def __init__(self, status: int, message: str, text: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return DistilError, (self.status, str(self), self.text)


class CommandError(Exception):
    """The command ``distil`` has failed. ``status`` is its exit status, and the message is what it
    has written to standard error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return CommandError, (self.status, str(self))


# DISTIL_LIBRARY names another library than the one within the package.
library: ctypes.CDLL = _abi.load(
    os.environ.get("DISTIL_LIBRARY")
    or os.path.join(os.path.dirname(os.path.abspath(__file__)), "libdistil.so")
)


def check(status: int, message: str | None = None) -> None:
    """Raise an exception with the message, or with that of the status, if the status is an error."""
    if status != 0:
        raise DistilError(status, message or library.distil_status_str(status).decode())
