"""Answers as JSON text, in Prometheus' envelope.

An answer is a run of blocks, so that a large one is never held whole: labels and points of a block
of series are turned into text by kernels, numbers without a short decimal form with the help of
Arrow, and label texts are quoted once per block and distinct symbol. Nothing here runs per point or
per series in Python.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from api import json_kernels
from api.json_kernels import Bytes
from api.promql.value import Matrix, Result, Scalar, String, Vector
from storage.labels import LabelFrame, Symbols
from storage.samples import Float64s, Int32s, Int64s, Samples

ANNOTATIONS_MAX = 10
BLOCK_POINTS = 1 << 17  # 8 MiB of text at most, which stays in the caches' reach
BLOCK_ROWS = 1 << 13
TRUNCATED = "results truncated due to limit"

# Kernels are compiled once more for arrays that are read-only, as those of storage may be.
KERNEL_ARRAY: Final = ("C", "W")

_SUCCESS = b'{"status":"success","data":'


@dataclass(frozen=True, slots=True)
class Notes:
    """What an answer says beside its data."""

    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """The members that follow the data, with the closing brace."""
        return (
            _member("warnings", self.warnings, "warning")
            + _member("infos", self.infos, "info")
            + b"}"
        )


def _member(name: str, texts: Sequence[str], noun: str) -> bytes:
    if not texts:
        return b""
    shown = list(texts[:ANNOTATIONS_MAX])
    if len(texts) > len(shown):
        shown.append(f"{len(texts) - len(shown)} more {noun} annotations omitted")
    return b',"%s":%s' % (name.encode(), dump(shown))


def encode_error(kind: str, text: str) -> bytes:
    """The answer to a request that failed."""
    return b'{"status":"error","errorType":%s,"error":%s}' % (dump(kind), dump(text))


def encode_data(data: Any, notes: Notes = Notes()) -> bytes:
    """The answer whose data are plain JSON values."""
    return _SUCCESS + dump(data) + notes.encode()


def encode_texts(texts: list[str], *, limit: int) -> bytes:
    """The answer whose data are label names or values."""
    truncated = 0 < limit < len(texts)
    notes = Notes(warnings=(TRUNCATED,)) if truncated else Notes()
    return encode_data(texts[:limit] if truncated else texts, notes)


def encode_labelsets(labels: LabelFrame, *, limit: int) -> Iterator[bytes]:
    """The answer whose data are label sets, sorted."""
    order = labels.order()
    truncated = 0 < limit < len(order)
    order = order[:limit] if truncated else order
    yield _SUCCESS + b"["
    for first in range(0, len(order), BLOCK_ROWS):
        text = LabelText.of(labels.take(order[first : first + BLOCK_ROWS]))
        out = np.empty(text.bytes_max + len(text.ids), np.uint8)
        end = json_kernels.write_labelsets(out, *text.columns)
        yield out[(1 if first == 0 else 0) : end].tobytes()
    yield b"]" + Notes(warnings=(TRUNCATED,) if truncated else ()).encode()


@dataclass(frozen=True, slots=True)
class Origins:
    """The row of `replicas` that each sample of a result came from.

    numbers: [rows, steps] of a vector, read only where a sample is present; [samples] of a matrix.
    """

    replicas: LabelFrame
    numbers: Int32s


def encode_result(
    result: Result,
    *,
    limit: int = 0,
    stats: dict[str, Any] | None = None,
    origins: Origins | None = None,
) -> Iterator[bytes]:
    """The answer to a query. A limit keeps that many series. With origins, each series also tells
    the replicas that its points came from; its points are then encoded at once."""
    warnings = result.warnings
    value = result.value
    if isinstance(value, Vector | Matrix) and 0 < limit < value.labels.rows:
        warnings += (TRUNCATED,)
    else:
        limit = 0
    yield _SUCCESS + b'{"resultType":"%s","result":' % _type_name(value, result.is_range)
    match value:
        case Scalar():
            number = format_plain(float(value.values[0]))
            yield b'[%s,"%s"]' % (_seconds(result.steps[0]), number)
        case String():
            yield b"[%s,%s]" % (_seconds(result.steps[0]), dump(value.text))
        case Vector() | Matrix():
            yield b"["
            rows = limit or value.labels.rows
            yield from encode_blocks(value, result, rows=rows, origins=origins)
            yield b"]"
    tail = b"" if stats is None else b',"stats":' + dump(stats)
    yield tail + b"}" + Notes(warnings, result.infos).encode()


def encode_blocks(
    value: Vector | Matrix, result: Result, *, rows: int, origins: Origins | None = None
) -> Iterator[bytes]:
    """The first `rows` series of a value, with commas between them."""
    numbers = None if origins is None else origins.numbers
    if isinstance(value, Matrix):
        single, blocks = False, matrix_blocks(value, rows, numbers)
    else:
        single, blocks = not result.is_range, vector_blocks(value, result.steps, rows, numbers)
    replicas = ObjectText.of(None if origins is None else origins.replicas)
    is_first = True
    for block in blocks:
        rows_of_block = np.arange(block.first_row, block.first_row + block.samples.series_count)
        text = LabelText.of(value.labels.take(rows_of_block))
        encoded = encode_block(text, block, replicas, single=single)
        yield encoded[1:].tobytes() if is_first else encoded.tobytes()
        is_first = False


def no_origins() -> Int32s:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Block:
    """The points of successive series; series i of `samples` is row first_row + i of the value.

    continues: the first series has points in the block before; unfinished: the last in the next.
    origins: the number of each point's replica; empty if replicas are not told, else no series is
    cut.
    """

    first_row: int
    samples: Samples
    continues: bool = False
    unfinished: bool = False
    origins: Int32s = field(default_factory=no_origins)


def vector_blocks(
    vector: Vector, steps: Int64s, rows: int, origins: Int32s | None = None
) -> Iterator[Block]:
    """The points of the first `rows` rows, in blocks of whole rows."""
    rows_per_block = max(1, min(BLOCK_ROWS, BLOCK_POINTS // max(1, len(steps))))
    for first in range(0, rows, rows_per_block):
        end = min(rows, first + rows_per_block)
        present = vector.present[first:end]
        places = np.flatnonzero(present)
        offsets = np.zeros(end - first + 1, np.int64)
        np.cumsum(np.count_nonzero(present, axis=1), out=offsets[1:])
        values = vector.values[first:end].reshape(-1)[places]
        numbers = no_origins() if origins is None else origins[first:end].reshape(-1)[places]
        samples = Samples(offsets, steps[places % len(steps)], values)
        yield Block(first, samples, origins=numbers)


def matrix_blocks(matrix: Matrix, rows: int, origins: Int32s | None = None) -> Iterator[Block]:
    """The samples of the first `rows` series, in blocks that may cut a series."""
    if origins is not None:
        yield from whole_blocks(matrix, rows, origins)
        return
    samples = matrix.samples
    first, end = 0, int(samples.offsets[rows])
    while first < end:
        first_row = int(np.searchsorted(samples.offsets, first, "right")) - 1
        rows_end = int(samples.offsets[min(rows, first_row + BLOCK_ROWS)])
        cut = min(first + BLOCK_POINTS, rows_end)
        end_row = int(np.searchsorted(samples.offsets, cut, "left"))
        offsets = np.clip(samples.offsets[first_row : end_row + 1], first, cut) - first
        yield Block(
            first_row,
            Samples(offsets, samples.timestamps[first:cut], samples.values[first:cut]),
            continues=bool(samples.offsets[first_row] < first),
            unfinished=bool(samples.offsets[end_row] > cut),
        )
        first = cut


def whole_blocks(matrix: Matrix, rows: int, origins: Int32s) -> Iterator[Block]:
    """The samples of the first `rows` series, in blocks that cut no series."""
    samples = matrix.samples
    row = 0
    while row < rows:
        full = int(np.searchsorted(samples.offsets, samples.offsets[row] + BLOCK_POINTS, "right"))
        end = min(rows, row + BLOCK_ROWS, max(row + 1, full - 1))
        first, last = samples.offsets[row], samples.offsets[end]
        offsets = samples.offsets[row : end + 1] - first
        part = Samples(offsets, samples.timestamps[first:last], samples.values[first:last])
        yield Block(row, part, origins=origins[first:last])
        row = end


def encode_block(text: "LabelText", block: Block, replicas: "ObjectText", *, single: bool) -> Bytes:
    """The JSON text of a block, with a comma in front of every series that begins in it."""
    samples = block.samples
    mantissas = np.empty(len(samples), np.int64)
    scales = np.empty(len(samples), np.int8)
    values = np.require(samples.values, np.float64, KERNEL_ARRAY)
    json_kernels.find_decimals(values, mantissas, scales)
    text_offsets, texts = number_texts(values[scales == json_kernels.NO_DECIMAL])
    size = (
        text.bytes_max
        + json_kernels.SERIES_BYTES_MAX * samples.series_count
        + json_kernels.POINT_BYTES_MAX * len(samples)
        + replicas.longest * len(block.origins)
    )
    out = np.empty(size, np.uint8)
    end = json_kernels.write_series(
        out,
        *text.columns,
        samples.offsets,
        np.require(samples.timestamps, np.int64, KERNEL_ARRAY),
        mantissas,
        scales,
        text_offsets,
        texts,
        np.require(block.origins, np.int32, KERNEL_ARRAY),
        replicas.starts,
        replicas.text,
        single,
        block.continues,
        block.unfinished,
    )
    return out[:end]


def number_texts(values: Float64s) -> tuple[Int32s, Bytes]:
    """Arrow's shortest texts of the values, as offsets and a blob."""
    if len(values) == 0:
        return np.frombuffer(bytes(4), np.int32), np.frombuffer(b"", np.uint8)
    _, offsets, blob = pc.cast(pa.array(values), pa.string()).buffers()
    return np.frombuffer(offsets, np.int32, len(values) + 1), np.frombuffer(blob, np.uint8)


@dataclass(frozen=True, slots=True)
class LabelText:
    """The label sets of a frame, ready to be written: which quoted value each row has per name.

    ids: int32[rows, names], 0 where a row has no such label.
    """

    ids: Int32s
    key_starts: Int64s
    keys: Bytes
    token_starts: Int64s
    tokens: Bytes

    @classmethod
    def of(cls, labels: LabelFrame) -> "LabelText":
        codes = labels.matrix(labels.names)
        distinct, places = np.unique(codes, return_inverse=True)
        texts = labels.symbols.texts(distinct.tolist())
        ids = places.reshape(codes.shape).astype(np.int32)
        if texts and texts[0] != "":  # no label, which is code 0, has to be token 0
            texts.insert(0, "")
            ids += 1
        return cls(ids, *_quote_all(labels.names), *_quote_all(texts))

    @property
    def columns(self) -> tuple[Int32s, Int64s, Bytes, Int64s, Bytes]:
        return self.ids, self.key_starts, self.keys, self.token_starts, self.tokens

    @property
    def bytes_max(self) -> int:
        return json_kernels.label_bytes(self.ids, self.key_starts, self.token_starts)


@dataclass(frozen=True, slots=True)
class ObjectText:
    """Label sets as JSON objects, ready to be copied: number i is text[starts[i]:starts[i + 1]]."""

    starts: Int64s
    text: Bytes

    @classmethod
    def of(cls, labels: LabelFrame | None) -> "ObjectText":
        if labels is None:
            return cls(np.zeros(1, np.int64), np.empty(0, np.uint8))
        text = LabelText.of(labels)
        out = np.empty(text.bytes_max + len(text.ids), np.uint8)
        starts = np.empty(labels.rows + 1, np.int64)
        json_kernels.write_objects(out, starts, *text.columns)
        return cls(starts, out)

    @property
    def longest(self) -> int:
        """The most bytes that one of them takes, with a comma."""
        return int(np.diff(self.starts).max(initial=0)) + 1


def _quote_all(texts: Sequence[str]) -> tuple[Int64s, Bytes]:
    """The texts as elements of a JSON array: where they start, and the array."""
    blob = np.frombuffer(dump(list(texts)), np.uint8)
    starts = np.empty(len(texts) + 1, np.int64)
    json_kernels.find_elements(blob, starts)
    return starts, blob


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


def format_plain(value: float) -> bytes:
    """A scalar's value: the shortest digits, never with an exponent."""
    if value != value:
        return b"NaN"
    if value in (float("inf"), float("-inf")):
        return b"+Inf" if value > 0 else b"-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0").encode()


def _seconds(time_ms: np.int64) -> bytes:
    """The float seconds of scalars and strings."""
    return repr(int(time_ms) / 1000).removesuffix(".0").encode()


def _type_name(value: Scalar | String | Vector | Matrix, is_range: bool) -> bytes:
    if isinstance(value, Vector):
        return b"matrix" if is_range else b"vector"
    return type(value).__name__.lower().encode()


def warm_encoder() -> None:
    """Compile or load the kernels, so that no answer waits for the compiler. Blocks."""
    symbols = Symbols()
    labels = LabelFrame.from_dicts(symbols, [{"a": "b"}, {}])
    values = np.array([[0.5], [1 / 3]])
    vector = Vector(labels, values, np.ones(values.shape, np.bool_))
    origins = Origins(labels, np.zeros(values.shape, np.int32))
    for _ in encode_result(Result(vector, np.zeros(1, np.int64), is_range=True), origins=origins):
        pass
    for _ in encode_labelsets(labels, limit=0):
        pass
