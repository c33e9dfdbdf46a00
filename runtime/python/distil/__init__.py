# SPDX-License-Identifier: Apache-2.0
"""Classify text with DistilBERT in int8, with the same answer on every x86-64 CPU.

    >>> import distil
    >>> model = distil.Model("sst2.distil")
    >>> model("A gorgeous, witty, seductive movie.")
    [{'label': 'POSITIVE', 'score': 0.99...}]

A model is a file that the command ``distil convert`` makes from a Hugging Face folder. One Model
may be used by any number of threads at the same time, by child processes after a fork, and, because
it is pickled as its path and options, by processes that are started in any other way.
"""

from __future__ import annotations

import ctypes
import math
import os
import weakref
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Union

from . import _library
from ._engine import Context, Engine, labels_of
from ._library import DistilError

__all__ = ["Classification", "DistilError", "Model", "__version__"]
__version__: str = _library.library.distil_version().decode()

Text = Union[str, bytes]


class Classification(NamedTuple):
    """Labels and scores of texts, in the order of the texts."""

    labels: list[str]
    scores: list[float]


def _encode(text: Text) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate counts as U+FFFD, as everywhere in this project
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class _Default:
    """The type of the default of top_k, which differs from 1 as in transformers."""


_DEFAULT = _Default()


class Model:
    """An opened model.

    Parameters
    ----------
    path
        The file, called a blob.
    isa
        Use no instruction set above this level, such as ``"avx2"``. None means the best one that
        the machine has. Answers are the same with every level.
    verify
        How much of the content is checked: ``"none"``, ``"crc"`` or ``"sha256"``. The structure
        always is.
    split_special_tokens
        Treat special tokens that are written in a text, such as [SEP], as plain text. Use it for
        text that strangers send.

    Raises
    ------
    DistilError
        The file cannot be opened or is no sound blob; ``status`` says which.
    ValueError
        An option has a value that does not exist. All methods raise it after ``close``.
    """

    def __init__(self, path: str | os.PathLike[str], isa: str | None = None, *,
                 verify: str = "none", split_special_tokens: bool = False) -> None:
        if verify not in _library.VERIFY:
            raise ValueError(f"verify: {verify!r} is none of none, crc, sha256")
        self.path = os.path.abspath(os.fspath(path))
        self._options = {"verify": verify, "split_special_tokens": split_special_tokens}
        self._isa = isa
        self._flags = _library.SPLIT_SPECIAL_TOKENS if split_special_tokens else 0
        self._engine = Engine(self.path, isa, _library.VERIFY[verify])
        # The engine is closed when the model is collected, and at the latest when Python ends.
        self._finalizer = weakref.finalize(self, self._engine.close)
        self.labels: list[str] = list(labels_of(self._engine))

    # ---- life ----

    def close(self) -> None:
        """Release the memory. Calls that are running in other threads end first."""
        self._finalizer()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open, (self.path, self._isa, self._options)

    def __repr__(self) -> str:
        return f"distil.Model({self.path!r}, isa={self.isa!r})"

    @property
    def isa(self) -> str:
        """The instruction-set level that the model uses."""
        name: bytes = _library.library.distil_isa_name(self._engine.info.isa)
        return name.decode()

    @property
    def function(self) -> str:
        """The model's own function of logits: softmax, sigmoid or none."""
        return _library.FUNCTIONS[self._engine.info.function]

    @property
    def max_positions(self) -> int:
        """The most tokens of a text, [CLS] and [SEP] included. Longer texts are cut."""
        return int(self._engine.info.max_positions)

    # ---- answers ----

    def __call__(self, inputs: Text | Sequence[Text], top_k: int | None | _Default = _DEFAULT,
                 function_to_apply: str | None = None) -> list[Any]:
        """Classify as the text-classification pipeline of transformers does.

        A text gives ``[{"label": ..., "score": ...}]``, and a list of texts gives a list of such
        dictionaries. With ``top_k`` each text gives a list of the ``top_k`` best labels, best
        first; None means all. ``function_to_apply`` is ``"softmax"``, ``"sigmoid"`` or
        ``"none"``, which leaves logits. The default is the model's own, ``function``.
        """
        if function_to_apply is None:
            function_to_apply = self.function
        function_to_apply = function_to_apply.lower()
        if function_to_apply not in ("softmax", "sigmoid", "none"):
            raise ValueError(f"function_to_apply: {function_to_apply!r} is none of softmax, "
                             "sigmoid, none")
        single = isinstance(inputs, (str, bytes))
        rows = self._scores([inputs] if single else inputs,  # type: ignore[list-item, arg-type]
                            function_to_apply)
        answers: list[Any] = []
        for row in rows:
            order = sorted(range(len(row)), key=lambda i: -row[i])
            ranked = [{"label": self.labels[i], "score": row[i]} for i in order]
            if isinstance(top_k, _Default):
                answers.append(ranked[0])
            else:
                answers.append(ranked[:top_k])
        if single and not isinstance(top_k, _Default):
            only: list[Any] = answers[0]
            return only
        return answers

    def classify(self, texts: Iterable[Text]) -> Classification:
        """Return the best label and its score, by the model's own function, for each text."""
        labels: list[str] = []
        scores: list[float] = []

        def read(context: Context, count: int) -> None:
            for result in context.results[:count]:
                labels.append(self.labels[result.label])
                scores.append(result.score)

        self._run(texts, read)
        return Classification(labels, scores)

    def logits(self, texts: Iterable[Text]) -> Any:
        """Return the logits, in the order of ``labels``.

        They are a float32 array of numpy of the shape (texts, labels), or without numpy a list of
        lists.
        """
        n = len(self.labels)
        flat: list[float] = []
        self._run(texts, lambda context, count: flat.extend(context.logits[: count * n]))
        try:
            import numpy
        except ImportError:
            return [flat[i : i + n] for i in range(0, len(flat), n)]
        return numpy.array(flat, numpy.float32).reshape(-1, n)

    def classify_arrow(self, array: Any) -> Any:
        """Classify an array of pyarrow of type string or large_string, or a chunked array of them.

        The texts are not copied. Returns a struct array, or a chunked one, with the fields label
        (string) and score (float32) and the length of the input; null gives null.
        """
        from ._arrow import classify_arrow

        return classify_arrow(self._engine, self.labels, array, self._flags)

    def tokenize(self, text: Text) -> list[int]:
        """Return the token ids of a text, [CLS] first and [SEP] last, without truncation."""
        raw = _encode(text)
        count = ctypes.c_size_t()
        ids = (ctypes.c_int32 * (len(raw) + 2))()  # a token has at least one byte
        self._engine.enter()
        try:
            _library.check(_library.library.distil_tokenize(
                self._engine.model, ids, len(ids), ctypes.byref(count), raw, len(raw),
                self._flags))
        finally:
            self._engine.leave()
        if count.value > len(ids):
            raise AssertionError("more tokens than bytes")
        return ids[: count.value]

    # ---- helpers ----

    def _run(self, texts: Iterable[Text], read: Any) -> None:
        if isinstance(texts, (str, bytes)):
            raise TypeError("a list of texts is expected, and this is a single one")
        encoded = [_encode(text) for text in texts]

        def array(begin: int, end: int) -> ctypes.Array[Any]:
            piece = encoded[begin:end]
            kind: Any = _library.Text * len(piece)
            texts: ctypes.Array[Any] = kind(*[(text, len(text)) for text in piece])
            return texts

        self._engine.run(array, len(encoded), self._flags, read)

    def _scores(self, texts: Iterable[Text], function: str) -> list[list[float]]:
        n = len(self.labels)
        flat: list[float] = []

        def read(context: Context, count: int) -> None:
            values = context.probabilities if function == self.function else context.logits
            flat.extend(values[: count * n])

        self._run(texts, read)
        rows = [flat[i : i + n] for i in range(0, len(flat), n)]
        return rows if function == self.function else [_apply(function, row) for row in rows]


def _apply(function: str, logits: list[float]) -> list[float]:
    """The function of the logits of one text, rounded to float32 as the library's scores are."""
    if function == "sigmoid":
        values = [1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x)) for x in logits]
    elif function == "softmax":
        most = max(logits)
        weights = [math.exp(x - most) for x in logits]
        total = sum(weights)
        values = [weight / total for weight in weights]
    else:
        values = logits
    return [ctypes.c_float(value).value for value in values]


def _open(path: str, isa: str | None, options: dict[str, Any]) -> Model:
    """Open a model that was pickled."""
    return Model(path, isa, **options)
