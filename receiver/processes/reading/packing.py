"""What queriers are asked and what they give, as a few bytes and some arrays.

A value becomes a small tree of texts, numbers and tags, and its arrays stand behind it, each at a
place that any processor reads well. Nothing but the kinds of this module can be packed or come out
again, so bytes that are something else are an error and never code.

Labels are packed as the distinct texts and a matrix of numbers into them; they come out as codes of
the symbols of whoever unpacks them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from storage.catalog.metadata import Description
from storage.dedup.algorithm import Algorithm
from storage.histograms.columns import Bounds, Buckets, Histograms, Natives
from storage.kernels.arrays import Bytes, Int32s
from storage.kernels.stops import pieces
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.labels.numbering import number_codes
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup, ReplicaState
from storage.read.usage import Usage
from storage.samples.hint import Purpose, SelectHint
from storage.samples.samples import Samples, Weights

ALIGNMENT = 64
# Of Python's: so many take a few milliseconds.
TEXTS_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """A querier as its process makes it. view: of those that the process has, by name; is_whole:
    it fails rather than leave out what other stores have."""

    view: str
    tenant: str
    replica_labels: tuple[str, ...]
    dedup: bool
    algorithm: Algorithm
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection that is held by a number. samples: of all rows, None if they are not small."""

    number: int
    labels: LabelFrame
    expected_samples: int
    resolutions: tuple[int, ...]
    samples: Samples | None


KINDS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        Samples, Natives, Histograms, Buckets, Bounds, Weights, Usage, ExemplarSelection, Matcher,
        SelectHint, ReplicaGroup, ReplicaState, Description, Wanted, Selected,
    )
}  # fmt: skip
CHOICES = {kind.__name__: kind for kind in (Purpose, Algorithm)}
# Of numbers, truths and bytes; nothing that holds objects.
ARRAY_KINDS = "biuf"


class Tag(StrEnum):
    """What a list of the tree stands for."""

    ARRAY = "a"
    FRAME = "f"
    LIST = "l"
    TUPLE = "t"
    MAPPING = "m"
    RECORD = "r"
    CHOICE = "c"
    TEXT = "e"


class NotPacked(ValueError):
    """Bytes that are no packed value."""


class Packer:
    """Packs one value. head: its tree; arrays: what stands behind it."""

    def __init__(self, value: object) -> None:
        self.arrays: list[NDArray[Any]] = []
        self.bytes = 0  # of the arrays, each at its place
        self.head = msgspec.msgpack.encode(self._packed(value))

    def write(self, room: Bytes) -> None:
        """Copy the arrays to their places in room for them."""
        at = 0
        for array in self.arrays:
            room[at : at + array.nbytes] = array.reshape(-1).view(np.uint8)
            at += padded(array.nbytes)

    def _packed(self, value: Any) -> Any:
        match value:
            case None | bool() | bytes():
                return value
            case str():
                return text_of(value)
            case np.ndarray():
                return self._array(value)
            case LabelFrame():
                return self._frame(value)
            case np.generic():
                return value.item()
            case int() | float():
                return value
        return self._many(value)

    def _many(self, value: Any) -> list[Any]:
        name = type(value).__name__
        if CHOICES.get(name) is type(value):
            return [Tag.CHOICE, name, value.value]
        if KINDS.get(name) is type(value):
            own = [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else value
            return [Tag.RECORD, name, [self._packed(each) for each in own]]
        match value:
            case list():
                return [Tag.LIST, [self._packed(each) for each in value]]
            case tuple():
                return [Tag.TUPLE, [self._packed(each) for each in value]]
            case dict():
                pairs = value.items()
                return [Tag.MAPPING, [[self._packed(k), self._packed(v)] for k, v in pairs]]
        raise AssertionError(f"BUG: {type(value)} is never packed")

    def _array(self, array: NDArray[Any]) -> list[Any]:
        assert array.dtype.kind in ARRAY_KINDS, f"BUG: an array of {array.dtype} is never packed"
        place = self.bytes
        self.arrays.append(np.ascontiguousarray(array))
        self.bytes += padded(array.nbytes)
        return [Tag.ARRAY, array.dtype.str, list(array.shape), place]

    def _frame(self, frame: LabelFrame) -> list[Any]:
        names = frame.names
        distinct, places = number_codes(frame.matrix(names))
        texts: list[bytes] = []
        for part in pieces(len(distinct), TEXTS_AT_ONCE):
            found = frame.symbols.texts(distinct[part])
            texts += [text.encode("utf-8", "surrogateescape") for text in found]
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        content = np.frombuffer(b"".join(texts), np.uint8)
        columns = [self._array(array) for array in (ends, content, places.astype(np.int32))]
        return [Tag.FRAME, frame.rows, [text_of(name) for name in names], columns]


class Unpacker:
    """Unpacks a value of its tree and the memory of its arrays, which they share from then on.

    symbols: of the labels that come out.
    """

    def __init__(self, head: bytes, memory: Bytes, symbols: Symbols) -> None:
        self._memory = memory
        self._symbols = symbols
        self._head = head

    def value(self) -> Any:
        """Raises NotPacked."""
        try:
            return self._unpacked(msgspec.msgpack.decode(self._head))
        except (msgspec.DecodeError, ValueError, TypeError, KeyError, IndexError) as error:
            raise NotPacked(f"no packed value: {error}") from error

    def _unpacked(self, packed: Any) -> Any:
        if not isinstance(packed, list):
            return packed
        tag, *rest = packed
        match tag:
            case Tag.ARRAY:
                return self._array(*rest)
            case Tag.FRAME:
                return self._frame(*rest)
            case Tag.LIST:
                return [self._unpacked(each) for each in rest[0]]
            case Tag.TUPLE:
                return tuple(self._unpacked(each) for each in rest[0])
            case Tag.MAPPING:
                return {self._unpacked(key): self._unpacked(each) for key, each in rest[0]}
            case Tag.RECORD:
                return KINDS[rest[0]](*(self._unpacked(each) for each in rest[1]))
            case Tag.CHOICE:
                return CHOICES[rest[0]](rest[1])
            case Tag.TEXT:
                return rest[0].decode("utf-8", "surrogatepass")
        raise NotPacked(f"a value of the kind {tag!r}")

    def _array(self, dtype: str, shape: Sequence[int], place: int) -> NDArray[Any]:
        kind = np.dtype(dtype)
        if kind.kind not in ARRAY_KINDS:
            raise NotPacked(f"an array of {dtype}")
        size = math.prod(shape) * kind.itemsize
        found: NDArray[Any] = self._memory[place : place + size].view(kind).reshape(shape)
        return found

    def _frame(self, rows: int, names: list[Any], columns: list[Any]) -> LabelFrame:
        ends, content, places = (self._unpacked(column) for column in columns)
        known = np.empty(len(ends), np.int32)
        whole, starts = content.tobytes(), np.concatenate([[0], ends]).tolist()
        code = self._symbols.code
        for part in pieces(len(ends), TEXTS_AT_ONCE):
            known[part] = [
                code(whole[starts[i] : starts[i + 1]].decode("utf-8", "surrogateescape"))
                for i in range(part.start, part.stop)
            ]
        codes: Int32s = known[places]
        own = {
            self._unpacked(name): np.ascontiguousarray(codes[:, i]) for i, name in enumerate(names)
        }
        return LabelFrame(self._symbols, rows, own)


def text_of(text: str) -> str | list[Any]:
    """A text as it is, or, with bytes that are no UTF-8, as its bytes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return [Tag.TEXT, text.encode("utf-8", "surrogatepass")]
    return text


def padded(size: int) -> int:
    """Room for so many bytes that ends where the next array may begin."""
    return -(-size // ALIGNMENT) * ALIGNMENT
