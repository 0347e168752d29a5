"""Answers as JSON text, in Prometheus' envelope.

An answer is a run of blocks, so that a large one is never held whole: labels and points of a block
of series are turned into text by kernels, and label texts are quoted once per block and distinct
symbol. Nothing here runs per point or per series in Python.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np

from api.answers import json_text as json_kernels
from api.answers.json_text import Bytes
from api.answers.texts import LabelText, ObjectText, dump, histogram_texts, kernel_array, room_for
from api.promql.vectors.kernels import gather_cells
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.arrays import Int32s, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples

ANNOTATIONS_MAX = 10
# A piece of an answer, which is copied once more before it is sent.
Buffer = bytes | memoryview
TRUNCATED = "results truncated due to limit"

SUCCESS = b'{"status":"success","data":'


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


def shown_notes(texts: Sequence[str], noun: str) -> list[str]:
    """As many of the notes as are stated, and how many are not."""
    shown = list(texts[:ANNOTATIONS_MAX])
    if len(texts) > len(shown):
        shown.append(f"{len(texts) - len(shown)} more {noun} annotations omitted")
    return shown


def _member(name: str, texts: Sequence[str], noun: str) -> bytes:
    if not texts:
        return b""
    return b',"%s":%s' % (name.encode(), dump(shown_notes(texts, noun)))


@dataclass(frozen=True, slots=True)
class TextBlocks:
    """The most that is turned into text at once. points: some 1 MiB of it, which stays in the
    caches' reach."""

    points: int = 1 << 15
    rows: int = 1 << 13


TEXT_BLOCKS = TextBlocks()


def encode_error(kind: str, text: str) -> bytes:
    """The answer to a request that failed."""
    return b'{"status":"error","errorType":%s,"error":%s}' % (dump(kind), dump(text))


def encode_data(data: Any, notes: Notes = Notes()) -> bytes:
    """The answer whose data are plain JSON values."""
    return SUCCESS + dump(data) + notes.encode()


def encode_texts(texts: list[str], *, limit: int, notes: Notes = Notes()) -> bytes:
    """The answer whose data are label names or values."""
    if 0 < limit < len(texts):
        texts, notes = texts[:limit], Notes(warnings=(TRUNCATED,))
    return encode_data(texts, notes)


def encode_labelsets(
    labels: LabelFrame, *, limit: int, sizes: TextBlocks = TEXT_BLOCKS
) -> Iterator[Buffer]:
    """The answer whose data are label sets, sorted."""
    truncated = 0 < limit < labels.rows
    yield SUCCESS + b"["
    for first, block in ordered_blocks(labels, limit if truncated else labels.rows, sizes):
        text = LabelText.of(block)
        out = room_for(text.bytes_max + len(text.ids))
        end = json_kernels.write_labelsets(out, *text.columns)
        yield out[(1 if first == 0 else 0) : end].data
    yield b"]" + Notes(warnings=(TRUNCATED,) if truncated else ()).encode()


def ordered_blocks(
    labels: LabelFrame, rows: int, sizes: TextBlocks
) -> Iterator[tuple[int, LabelFrame]]:
    """The first rows of a frame in their order: (number of the first, rows)."""
    if 0 < labels.rows == rows <= sizes.rows:
        yield 0, labels.in_order()
        return
    order = labels.order()[:rows]
    for first in range(0, rows, sizes.rows):
        yield first, labels.take(order[first : first + sizes.rows])


@dataclass(frozen=True, slots=True)
class SampleReplicas:
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
    origins: SampleReplicas | None = None,
    sizes: TextBlocks = TEXT_BLOCKS,
) -> Iterator[Buffer]:
    """The answer to a query. A limit keeps that many series. With origins, each series also states
    the replicas that its points came from; its points are then encoded at once."""
    warnings = result.warnings
    value = result.value
    if isinstance(value, Vector | Matrix) and 0 < limit < value.labels.rows:
        warnings += (TRUNCATED,)
    else:
        limit = 0
    yield SUCCESS + b'{"resultType":"%s","result":' % _type_name(value, result.is_range)
    match value:
        case Scalar():
            number = format_plain(float(value.values[0]))
            yield b'[%s,"%s"]' % (_seconds(result.steps[0]), number)
        case String():
            yield b"[%s,%s]" % (_seconds(result.steps[0]), dump(value.text))
        case Vector() | Matrix():
            yield b"["
            rows = limit or value.labels.rows
            yield from encode_blocks(value, result, rows, sizes, origins=origins)
            yield b"]"
    tail = b"" if stats is None else b',"stats":' + dump(stats)
    yield tail + b"}" + Notes(warnings, result.infos).encode()


def encode_blocks(
    value: Vector | Matrix,
    result: Result,
    rows: int,
    sizes: TextBlocks,
    *,
    origins: SampleReplicas | None = None,
) -> Iterator[Buffer]:
    """The first `rows` series of a value, with commas between them."""
    numbers = None if origins is None else origins.numbers
    sizes = sizes_for(natives_of(value), sizes)
    if isinstance(value, Matrix):
        single, blocks = False, matrix_blocks(value, rows, sizes, numbers)
    else:
        single, blocks = (
            not result.is_range,
            vector_blocks(value, result.steps, rows, sizes, numbers),
        )
    replicas = ObjectText.of(None if origins is None else origins.replicas)
    is_first = True
    for block in blocks:
        labels, count = value.labels, block.samples.series_count
        if count < labels.rows:
            labels = labels.take(np.arange(block.first_row, block.first_row + count))
        text = LabelText.of(labels)
        encoded = encode_block(text, block, replicas, single=single)
        yield encoded[1:].data if is_first else encoded.data
        is_first = False


def natives_of(value: Vector | Matrix) -> Natives | None:
    return value.samples.natives if isinstance(value, Matrix) else value.natives


def sizes_for(natives: Natives | None, sizes: TextBlocks) -> TextBlocks:
    """Fewer points at once where histograms are among them, whose buckets take twice the text of a
    point each. Whole series are encoded at once, however long they are."""
    if natives is None or not len(natives.histograms):
        return sizes
    h = natives.histograms
    buckets = np.diff(h.positive.offsets) + np.diff(h.negative.offsets)
    return replace(sizes, points=max(1, sizes.points // (1 + 2 * int(buckets.max()))))


def no_origins() -> Int32s:
    return np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Block:
    """The points of successive series; series i of `samples` is row first_row + i of the value.

    continues: the first series has points in the block before; unfinished: the last in the next.
    origins: the number of each point's replica; empty if replicas are not stated, else no series is
    cut.
    """

    first_row: int
    samples: Samples
    continues: bool = False
    unfinished: bool = False
    origins: Int32s = field(default_factory=no_origins)


def vector_blocks(
    vector: Vector, steps: Int64s, rows: int, sizes: TextBlocks, origins: Int32s | None = None
) -> Iterator[Block]:
    """The points of the first `rows` rows, in blocks of whole rows."""
    steps = kernel_array(steps, np.int64)
    rows_per_block = max(1, min(sizes.rows, sizes.points // max(1, len(steps))))
    for first in range(0, rows, rows_per_block):
        end = min(rows, first + rows_per_block)
        present = kernel_array(vector.present[first:end], np.bool_)
        offsets = np.empty(end - first + 1, np.int64)
        count = int(np.count_nonzero(present))
        timestamps, values = np.empty(count, np.int64), np.empty(count, np.float64)
        cells = kernel_array(vector.values[first:end], np.float64)
        gather_cells(cells, present, steps, offsets, timestamps, values)
        numbers = no_origins() if origins is None else origins[first:end][present]
        samples = Samples(offsets, timestamps, values)
        if vector.natives is not None:
            natives = vector.natives.at(slice(first, end)).at(present)
            samples = replace(samples, natives=natives)
        yield Block(first, samples, origins=numbers)


def matrix_blocks(
    matrix: Matrix, rows: int, sizes: TextBlocks, origins: Int32s | None = None
) -> Iterator[Block]:
    """The samples of the first `rows` series, in blocks that may cut a series."""
    samples = matrix.samples
    if origins is not None or samples.natives is not None:
        yield from whole_blocks(matrix, rows, sizes, origins)
        return
    first, end = 0, int(samples.offsets[rows])
    while first < end:
        first_row = int(np.searchsorted(samples.offsets, first, "right")) - 1
        rows_end = int(samples.offsets[min(rows, first_row + sizes.rows)])
        cut = min(first + sizes.points, rows_end)
        end_row = int(np.searchsorted(samples.offsets, cut, "left"))
        offsets = np.clip(samples.offsets[first_row : end_row + 1], first, cut) - first
        yield Block(
            first_row,
            Samples(offsets, samples.timestamps[first:cut], samples.values[first:cut]),
            continues=bool(samples.offsets[first_row] < first),
            unfinished=bool(samples.offsets[end_row] > cut),
        )
        first = cut


def whole_blocks(
    matrix: Matrix, rows: int, sizes: TextBlocks, origins: Int32s | None
) -> Iterator[Block]:
    """The samples of the first `rows` series, in blocks that cut no series."""
    samples = matrix.samples
    row = 0
    while row < rows:
        full = int(np.searchsorted(samples.offsets, samples.offsets[row] + sizes.points, "right"))
        end = min(rows, row + sizes.rows, max(row + 1, full - 1))
        first, last = samples.offsets[row], samples.offsets[end]
        offsets = samples.offsets[row : end + 1] - first
        part = Samples(offsets, samples.timestamps[first:last], samples.values[first:last])
        if samples.natives is not None:
            part = replace(part, natives=samples.natives.at(slice(first, last)))
        numbers = no_origins() if origins is None else origins[first:last]
        yield Block(row, part, origins=numbers)
        row = end


def encode_block(text: LabelText, block: Block, replicas: ObjectText, *, single: bool) -> Bytes:
    """The JSON text of a block, with a comma in front of every series that begins in it."""
    samples = block.samples
    if samples.natives is not None and samples.natives.mask.any():
        return encode_mixed_block(text, block, replicas, single=single)
    size = (
        text.bytes_max
        + json_kernels.SERIES_BYTES_MAX * samples.series_count
        + json_kernels.POINT_BYTES_MAX * len(samples)
        + replicas.longest * len(block.origins)
    )
    out = room_for(size)
    end = json_kernels.write_series(
        out,
        room_for(json_kernels.KEPT_TEXTS_BYTES),
        *text.columns,
        samples.offsets,
        kernel_array(samples.timestamps, np.int64),
        kernel_array(samples.values, np.float64),
        kernel_array(block.origins, np.int32),
        replicas.starts,
        replicas.text,
        single,
        block.continues,
        block.unfinished,
    )
    return out[:end]


def encode_mixed_block(
    text: LabelText, block: Block, replicas: ObjectText, *, single: bool
) -> Bytes:
    """Like encode_block, with native histograms among the points of whole series."""
    samples, natives = block.samples, block.samples.natives
    assert natives is not None, "BUG: a block without histograms"
    assert not (block.continues or block.unfinished), "BUG: a series with histograms was cut"
    are_native = natives.mask
    used, places = np.unique(natives.rows[are_native], return_inverse=True)
    objects = np.full(len(samples), -1, np.int32)
    objects[are_native] = places
    histograms = histogram_texts(natives.histograms, used)
    lengths = np.diff(histograms.starts)
    size = (
        text.bytes_max
        + json_kernels.SERIES_BYTES_MAX * samples.series_count
        + json_kernels.POINT_BYTES_MAX * len(samples)
        + int(lengths[places].sum())
        + replicas.longest * len(block.origins)
    )
    out = room_for(size)
    end = json_kernels.write_mixed_series(
        out,
        *text.columns,
        samples.offsets,
        kernel_array(samples.timestamps, np.int64),
        kernel_array(samples.values, np.float64),
        objects,
        histograms.starts,
        histograms.text,
        kernel_array(block.origins, np.int32),
        replicas.starts,
        replicas.text,
        single,
    )
    return out[:end]


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
    origins = SampleReplicas(labels, np.zeros(values.shape, np.int32))
    for _ in encode_result(Result(vector, np.zeros(1, np.int64), is_range=True), origins=origins):
        pass
    histograms = from_parts([Parts(count=3.0, sum=1 / 3, positive=[(1, 3.0)])])
    natives = Natives(histograms, np.array([[0], [NO_HISTOGRAM]], np.int32))
    mixed = replace(vector, natives=natives)
    for _ in encode_result(Result(mixed, np.zeros(1, np.int64), is_range=True), origins=origins):
        pass
    for _ in encode_labelsets(labels, limit=0):
        pass
