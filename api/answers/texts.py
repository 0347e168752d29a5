"""The texts that answers are put together from: labels, numbers, histograms.

Each is made once for a block of an answer, as columns that kernels copy from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from api.answers import json_text as json_kernels
from api.answers.json_text import Bytes
from api.promql.native_histograms.values import BucketLines, bucket_lines
from storage.histograms.columns import Histograms
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.stops import pieces
from storage.labels.frames import LabelFrame
from storage.labels.numbering import number_codes

# Of Python's: so many take some 10 ms.
TEXTS_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class LabelText:
    """The label sets of a frame, ready to be written: which quoted value each row has per name.

    ids: int32[rows, names], 0 where a row has no such label; bytes_max: what all of them take.
    """

    ids: Int32s
    key_starts: Int64s
    keys: Bytes
    token_starts: Int64s
    tokens: Bytes
    bytes_max: int

    @classmethod
    def of(cls, labels: LabelFrame) -> "LabelText":
        return labels.once("text", lambda: cls._made(labels))

    @classmethod
    def _made(cls, labels: LabelFrame) -> "LabelText":
        distinct, ids = number_codes(labels.matrix(labels.names))
        key_starts, keys = quote_all(labels.names)
        token_starts, tokens = quote_all(labels.symbols.texts(distinct))
        size = json_kernels.label_bytes(ids, key_starts, token_starts)
        return cls(ids, key_starts, keys, token_starts, tokens, size)

    @property
    def columns(self) -> tuple[Int32s, Int64s, Bytes, Int64s, Bytes]:
        return self.ids, self.key_starts, self.keys, self.token_starts, self.tokens


@dataclass(frozen=True, slots=True)
class ObjectText:
    """Label sets as JSON objects, ready to be copied: number i is text[starts[i]:starts[i + 1]]."""

    starts: Int64s
    text: Bytes

    @classmethod
    def of(cls, labels: LabelFrame | None) -> "ObjectText":
        if labels is None:
            return NO_OBJECTS
        text = LabelText.of(labels)
        out = room_for(text.bytes_max + len(text.ids))
        starts = np.empty(labels.rows + 1, np.int64)
        json_kernels.write_objects(out, starts, *text.columns)
        return cls(starts, out)

    @property
    def longest(self) -> int:
        """The most bytes that one of them takes, with a comma."""
        if len(self.starts) == 1:
            return 1
        return int(np.diff(self.starts).max(initial=0)) + 1


def kernel_array(array: Any, kind: type[np.generic]) -> Any:
    """The array as kernels are compiled for: once more they are for arrays that are read-only, as
    those of storage may be."""
    flags = array.flags
    if array.dtype == kind and flags.c_contiguous and flags.writeable:
        return array
    return np.require(array, kind, ("C", "W"))


def room_for(size: int) -> Bytes:
    """Room for a text of at most that many bytes, to be written by kernels and copied from."""
    return np.empty(size + json_kernels.SPARE_BYTES, np.uint8)


NO_OBJECTS = ObjectText(np.zeros(1, np.int64), room_for(0))


def quote_all(texts: Sequence[str]) -> tuple[Int64s, Bytes]:
    """The texts as elements of a JSON array: where they start, and the array with its padding."""
    parts = [dump(list(texts[part]))[1:-1] for part in pieces(len(texts), TEXTS_AT_ONCE)]
    blob = np.frombuffer(b"[%b]" % b",".join(parts) + bytes(json_kernels.PADDING), np.uint8)
    starts = np.empty(len(texts) + 1, np.int64)
    json_kernels.find_elements(blob, starts)
    return starts, blob


def histogram_texts(histograms: Histograms, rows: Int32s) -> ObjectText:
    """These native histograms as JSON objects, without their empty buckets."""
    lines, numbers = histogram_numbers(histograms, rows)
    count = len(rows)
    size = (
        json_kernels.HISTOGRAM_BYTES_MAX * count
        + json_kernels.NUMBER_BYTES_MAX * len(numbers)
        + json_kernels.LINE_BYTES_MAX * len(lines.codes)
    )
    out, starts = room_for(size), np.empty(count + 1, np.int64)
    json_kernels.write_histograms(out, starts, lines.offsets, lines.codes, numbers)
    return ObjectText(starts, out)


def histogram_numbers(histograms: Histograms, rows: Int32s) -> tuple[BucketLines, Float64s]:
    """What the text of each histogram is made of: its buckets, and its numbers in their order."""
    lines = bucket_lines(histograms, rows)
    count = len(rows)
    numbers = np.empty(2 * count + 3 * len(lines.codes))
    heads = 2 * np.arange(count) + 3 * lines.offsets[:-1]
    numbers[heads], numbers[heads + 1] = histograms.counts[rows], histograms.sums[rows]
    owner = np.repeat(np.arange(count), np.diff(lines.offsets))
    places = 2 * (owner + 1) + 3 * np.arange(len(lines.codes))
    numbers[places], numbers[places + 1] = lines.lowers, lines.uppers
    numbers[places + 2] = lines.counts
    return lines, numbers


def dump(value: Any) -> bytes:
    """JSON text; bytes that are no UTF-8 become U+FFFD."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(_replace_escapes(value))


def _replace_escapes(value: Any) -> Any:
    """The value with its surrogate escapes replaced in all texts."""
    match value:
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case dict():
            return {_replace_escapes(k): _replace_escapes(v) for k, v in value.items()}
        case list() | tuple():
            return [_replace_escapes(element) for element in value]
    return value
