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
import importlib
import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Union

from . import _abi
from ._command import convert
from ._engine import Context, Engine, labels_of
from ._entities import find_entities
from ._library import CommandError, DistilError, check, library

__all__ = ["Classification", "CommandError", "DistilError", "Model", "__version__", "convert"]
__version__: str = library.distil_version().decode()

Text = Union[str, bytes]
# A text; or a pair of texts, as a tuple, or as the pipeline of transformers takes it: a dictionary
# with "text" and "text_pair".
Input = Union[Text, "tuple[Text, Text]", Mapping[str, Text]]


class Classification(NamedTuple):
    """Labels and scores of texts, in the order of the texts."""

    labels: list[str]
    scores: list[float]


def _encode(text: Text) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate counts as U+FFFD, as everywhere in this project
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _texts_of(item: Input) -> tuple[Text, ...]:
    """The text of an input, or both texts of a pair. Raises TypeError for anything else."""
    texts: tuple[Any, ...] = item if isinstance(item, tuple) else (item,)
    if isinstance(item, Mapping):
        if not {"text"} <= set(item) <= {"text", "text_pair"}:
            raise TypeError(f"a pair has the keys text and text_pair, not {', '.join(item)}")
        texts = (item["text"], item["text_pair"]) if "text_pair" in item else (item["text"],)
    if not 1 <= len(texts) <= 2:
        raise TypeError(f"a pair has two texts, not {len(texts)}")
    for text in texts:
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
    return texts


def _structure(texts: tuple[Text, ...]) -> Any:
    text = _encode(texts[0])
    if len(texts) == 1:
        return _abi.Text(text, len(text))
    pair = _encode(texts[1])
    return _abi.Text(text, len(text), pair, len(pair))


def _alternatives(names: Iterable[str]) -> str:
    """The names as in a sentence: a, b or c."""
    *others, last = names
    return f"{', '.join(others)} or {last}"


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
        How much of the content is checked: ``"none"``, ``"crc"``, ``"sha256"`` or ``"proof"``. The
        structure always is.
    split_special_tokens
        Treat special tokens that are written in a text, such as [SEP], as plain text. Use it for
        text that strangers send.
    window, stride, combine
        Cut no text off: a longer one is classified in windows of so many tokens, of which two
        neighbours share ``stride``, and the logits of the windows are combined by ``"mean"``,
        ``"max"`` or ``"first"``. A window of 0 cuts texts off. Windows take no pairs.

    Raises
    ------
    DistilError
        The file cannot be opened or is no sound blob; ``status`` says which.
    ValueError
        An option has a value that does not exist. All methods raise it after ``close``.
    """

    def __init__(self, path: str | os.PathLike[str], isa: str | None = None, *,
                 verify: str = "none", split_special_tokens: bool = False, window: int = 0,
                 stride: int = 0, combine: str = "mean") -> None:
        if verify not in _abi.VERIFY:
            raise ValueError(f"verify: expected {_alternatives(_abi.VERIFY)}, found {verify!r}")
        if combine not in _abi.COMBINE:
            raise ValueError(f"combine: expected {_alternatives(_abi.COMBINE)}, found {combine!r}")
        self.path = os.path.abspath(os.fspath(path))
        self._options = {"verify": verify, "split_special_tokens": split_special_tokens,
                         "window": window, "stride": stride, "combine": combine}
        self._isa = isa
        self._flags = _abi.SPLIT_SPECIAL_TOKENS if split_special_tokens else 0
        self._engine = Engine(self.path, isa, _abi.VERIFY[verify],
                              (window, stride, _abi.COMBINE[combine]))
        try:
            self._check_windows(window, stride)
        except ValueError:
            self._engine.close()
            raise
        # The engine is closed when the model is collected, and at the latest when Python ends.
        self._finalizer = weakref.finalize(self, self._engine.close)
        self.labels: list[str] = labels_of(self._engine)

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
        name: bytes = library.distil_isa_name(self._engine.info.isa)
        return name.decode()

    @property
    def function(self) -> str:
        """The model's own function of logits: softmax, sigmoid or none."""
        numbers = {number: name for name, number in _abi.FUNCTIONS.items()}
        return numbers[self._engine.info.function]

    @property
    def task(self) -> str:
        """What the model is for: ``"sequence classification"`` or ``"token classification"``."""
        return _abi.TASKS[self._engine.info.task]

    @property
    def max_positions(self) -> int:
        """The most tokens of a text, [CLS] and [SEP] included. Longer texts are cut."""
        return int(self._engine.info.max_positions)

    # ---- answers ----

    def __call__(self, inputs: Input | Sequence[Input], top_k: int | None | _Default = _DEFAULT,
                 function_to_apply: str | None = None, *,
                 function: str | None = None) -> Any:
        """Classify as the text-classification pipeline of transformers does.

        A text gives ``[{"label": ..., "score": ...}]``, and a list of texts gives a list of such
        dictionaries. A pair of texts, ``{"text": ..., "text_pair": ...}``, gives a dictionary. A
        list may contain pairs, as such dictionaries or as tuples of two. With ``top_k`` each text
        gives a list of the ``top_k`` best labels, best first; None means all.
        ``function_to_apply``, or ``function`` for short, is ``"softmax"``, ``"sigmoid"`` or
        ``"none"``, which leaves logits. The default is the model's own.
        """
        if function is not None and function_to_apply is not None:
            raise TypeError("function and function_to_apply are the same: give one of them")
        if not isinstance(top_k, (int, _Default, type(None))):
            raise TypeError(f"top_k is a number or None, not {type(top_k).__name__}")
        if isinstance(top_k, int) and top_k < 0:
            raise ValueError(f"top_k: {top_k} is below 0; None means all labels")
        pair = isinstance(inputs, Mapping)
        single = pair or isinstance(inputs, (str, bytes))
        texts: Any = [inputs] if single else inputs
        rows = self._scores(texts, self._number(function or function_to_apply))
        answers: list[Any] = []
        for row in rows:
            order = sorted(range(len(row)), key=lambda i: -row[i])
            ranked = [{"label": self.labels[i], "score": row[i]} for i in order]
            if isinstance(top_k, _Default):
                answers.append(ranked[0])
            else:
                answers.append(ranked[:top_k])
        # The pipeline returns a single text's answer in a list, and a single pair's as it is.
        return answers[0] if pair or (single and not isinstance(top_k, _Default)) else answers

    def classify(self, texts: Iterable[Input], function: str | None = None) -> Classification:
        """Return the best label and its score for each text or pair of texts. The score is what
        ``function`` gives, by default the model's own."""
        labels: list[str] = []
        scores: list[float] = []

        def read(context: Context, count: int) -> None:
            for result in context.results[:count]:
                labels.append(self.labels[result.label])
                scores.append(result.score)

        self._run(texts, self._number(function), read)
        return Classification(labels, scores)

    def logits(self, texts: Iterable[Input]) -> Any:
        """Return the logits of texts or pairs of texts, in the order of ``labels``.

        They are a float32 array of numpy of the shape (texts, labels), or without numpy a list of
        lists.
        """
        n = len(self.labels)
        flat: list[float] = []
        self._run(texts, self._number(None),
                  lambda context, count: flat.extend(context.logits[: count * n]))
        try:
            numpy: Any = importlib.import_module("numpy")
        except ImportError:
            return [flat[i : i + n] for i in range(0, len(flat), n)]
        return numpy.array(flat, numpy.float32).reshape(-1, n)

    def entities(self, inputs: Text | Sequence[Text], aggregation: str = "simple") -> Any:
        """Find entities as the token-classification pipeline of transformers does.

        A text gives a list of dictionaries, and a list of texts gives a list of such lists. The
        dictionaries have the members of the pipeline, except that ``word`` is the part of the text
        as it is written there. ``aggregation`` is the pipeline's ``aggregation_strategy``:
        ``"none"``, ``"simple"``, ``"first"``, ``"average"`` or ``"max"``. With ``window`` texts of any
        length are read as the pipeline reads them with a stride.
        """
        single = isinstance(inputs, (str, bytes))
        texts: Any = [inputs] if single else inputs
        rows = []
        for text in texts:
            if not isinstance(text, (str, bytes)):
                raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
            rows.append(_encode(text))
        answers = find_entities(self._engine, rows, aggregation, self._flags)
        return answers[0] if single else answers

    def answer(self, question: Text, context: Text, top_k: int = 1, max_answer_len: int = 15,
               handle_impossible_answer: bool = False, *, window: int = 0,
               stride: int | None = None) -> Any:
        """Answer a question as the question-answering pipeline of transformers 4 does.

        The answer is a dictionary with score, start, end and answer; with ``top_k`` above 1 it is a
        list of at most so many, the best first, or the only one. ``window`` and ``stride`` are the
        pipeline's ``max_seq_len`` and ``doc_stride``; 0 and None are its defaults.
        """
        if top_k < 1 or max_answer_len < 1 or window < 0 or (stride is not None and stride < 0):
            raise ValueError("top_k and max_answer_len are at least 1, window and stride at least 0")
        for text in (question, context):
            if not isinstance(text, (str, bytes)):
                raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
        raw = _encode(context)
        options = _abi.AnswerOptions(
            size=ctypes.sizeof(_abi.AnswerOptions), top_k=top_k, max_answer_tokens=max_answer_len,
            window=window, stride=0 if stride is None else stride or _abi.NO_STRIDE,
            allow_none=bool(handle_impossible_answer))
        pair = _structure((_encode(question), raw))
        room, count = ctypes.c_size_t(), ctypes.c_size_t()
        with self._engine.context(self._number(None)) as lent:
            library.distil_answer_capacity(self._engine.model, ctypes.byref(room),
                                           ctypes.byref(pair), self._flags, ctypes.byref(options))
            kind: Any = _abi.Answer * room.value
            answers = kind()  # without room, the call says what is wrong with the arguments
            lent.check(library.distil_answer_question(
                lent.pointer, answers, room, ctypes.byref(count), ctypes.byref(pair), self._flags,
                ctypes.byref(options)), 0)
        found = [{"score": a.score, "start": a.where.char_begin, "end": a.where.char_end,
                  "answer": raw[a.where.begin : a.where.end].decode(errors="replace")}
                 for a in answers[: count.value]]
        return found[0] if len(found) == 1 else found

    def embed(self, texts: Iterable[Text], pooling: str | None = None,
              normalize: bool | None = None) -> Any:
        """Return a vector for each text, near to those of texts of a similar meaning.

        They are a float32 array of numpy of the shape (texts, numbers), or without numpy a list of
        lists. For a model of sentence-transformers they are what ``encode`` gives, but for the
        error of 8-bit weights. ``pooling`` is ``"cls"``, ``"mean"`` or ``"max"``, and ``normalize``
        says whether vectors get the length 1. None, the default of both, means what the model says.
        """
        if pooling is not None and pooling not in _abi.POOLING:
            raise ValueError(f"pooling: {pooling!r} is none of {', '.join(_abi.POOLING)}")
        n = int(self._engine.info.vector_size)
        options = _abi.EmbedOptions(
            size=ctypes.sizeof(_abi.EmbedOptions), pooling=_abi.POOLING.get(pooling or "", 0),
            normalization=_abi.NORMALIZATION[None if normalize is None else bool(normalize)])
        raw = bytearray()

        def work(context: Context, piece: Any, first: int, count: int) -> None:
            context.embed(piece, first, count, self._flags, n, options)

        def read(context: Context, count: int) -> None:
            raw.extend(memoryview(context.vectors).cast("B")[: 4 * n * count])

        self._run(texts, self._number(None), read, work)
        try:
            numpy: Any = importlib.import_module("numpy")
        except ImportError:
            flat = memoryview(raw).cast("f").tolist()
            return [flat[i : i + n] for i in range(0, len(flat), n)]
        return numpy.frombuffer(raw, dtype=numpy.float32).reshape(-1, n)

    def classify_arrow(self, array: Any, function: str | None = None) -> Any:
        """Classify an array of Arrow.

        ``array`` is an array or a chunked array of pyarrow, of type string, large_string or
        string_view, or a dictionary of one of these, of whose values each is classified once. A
        column of another library, such as Polars, is taken by the Arrow PyCapsule interface. The
        texts are not copied. Returns a struct array, or a chunked one, with the fields label
        (string) and score (float32) and the length of the input; null gives null.
        """
        from ._arrow import classify_arrow

        return classify_arrow(self._engine, self.labels, array, self._flags,
                              self._number(function))

    def tokenize(self, text: Text) -> list[int]:
        """Return the token ids of a text, [CLS] first and [SEP] last, without truncation."""
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"a text is str or bytes, not {type(text).__name__}")
        raw = _encode(text)
        count = ctypes.c_size_t()
        ids = (ctypes.c_int32 * (len(raw) + 2))()  # a token has at least one byte
        with self._engine.use():
            check(library.distil_tokenize(self._engine.model, ids, len(ids), ctypes.byref(count),
                                          raw, len(raw), self._flags))
        if count.value > len(ids):
            raise AssertionError("more tokens than bytes")
        return ids[: count.value]

    # ---- helpers ----

    def _check_windows(self, window: int, stride: int) -> None:
        """Raise ValueError if the library would refuse the windows at the first call."""
        most = self.max_positions
        if window != 0 and not 3 <= window <= most:
            raise ValueError(f"window: expected 0 or from 3 to {most}, found {window}")
        if window == 0 and stride != 0:
            raise ValueError(f"stride: {stride} needs a window")
        if window != 0 and not 0 <= stride < window - 2:
            raise ValueError(f"stride: expected from 0 to {window - 3} for a window of {window}, "
                             f"found {stride}")

    def _number(self, function: str | None) -> int:
        """The number of a function of logits in distil.h; None is the model's own."""
        if function is None:
            return int(self._engine.info.function)
        if function.lower() not in _abi.FUNCTIONS:
            raise ValueError(f"function: expected softmax, sigmoid or none, found {function!r}")
        return _abi.FUNCTIONS[function.lower()]

    def _run(self, texts: Iterable[Input], function: int, read: Callable[[Context, int], None],
             work: Callable[[Context, Any, int, int], None] | None = None) -> None:
        if isinstance(texts, (str, bytes)):
            raise TypeError("a list of texts is expected, and this is a single one")
        if not isinstance(texts, Iterable):
            raise TypeError(f"texts are str or bytes in a list, not {type(texts).__name__}")
        rows = [_texts_of(item) for item in texts]

        def piece(begin: int, end: int) -> Any:
            kind: Any = _abi.Text * (end - begin)
            return kind(*[_structure(row) for row in rows[begin:end]])

        self._engine.run(piece, lambda i: sum(map(len, rows[i])), len(rows), self._flags, function,
                         read, work)

    def _scores(self, texts: Iterable[Input], function: int) -> list[list[float]]:
        n = len(self.labels)
        flat: list[float] = []
        self._run(texts, function,
                  lambda context, count: flat.extend(context.probabilities[: count * n]))
        return [flat[i : i + n] for i in range(0, len(flat), n)]


def _open(path: str, isa: str | None, options: dict[str, Any]) -> Model:
    """Open a model that was pickled."""
    return Model(path, isa, **options)
