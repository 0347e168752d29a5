"""Tables as Arrow IPC streams, in record batches of bounded size.

    time       timestamp[ms, UTC]
    <label>    dictionary of texts for each label, null where a series does not have it
    value      double, null where the sample is a histogram
    histogram  struct of count, sum and buckets, only if the table has any
    provenance dictionary of JSON objects, only if it is stated where samples came from

A dictionary is sent once, with the first batch; its indexes are as wide as its length needs. What
an answer says beside its data is JSON in the metadata of the schema: resultType, warnings, infos
and stats. Nothing here runs per sample in Python.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.answers.encoding import TRUNCATED, TextBlocks, shown_notes
from api.answers.tables.points import (
    HISTOGRAM,
    PROVENANCE,
    TIME,
    VALUE,
    Points,
    Table,
    column_names,
)
from api.answers.texts import ObjectText, dump
from api.promql.native_histograms.values import bucket_lines
from storage.histograms.columns import Natives
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Int32s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.numbering import number_codes

# A batch is a part of an answer, which is what is computed and sent at a time.
BATCH_BYTES_MAX = 1 << 20
BUCKET_BYTES = 25
# Where the name of a label is stated that its column does not have: in the metadata of the field.
LABEL_KEY = "label"
TIMESTAMP = pa.timestamp("ms", "UTC")
BUCKET = pa.struct(
    [
        pa.field("boundaries", pa.int8(), nullable=False),
        pa.field("lower", pa.float64(), nullable=False),
        pa.field("upper", pa.float64(), nullable=False),
        pa.field("count", pa.float64(), nullable=False),
    ]
)
HISTOGRAM_TYPE = pa.struct(
    [("count", pa.float64()), ("sum", pa.float64()), ("buckets", pa.list_(BUCKET))]
)
Notes = dict[str, str]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of few different texts. indexes: of each row, -1 where it has none."""

    field: Any
    texts: Any
    indexes: NDArray[np.signedinteger[Any]]
    has_absent: bool

    @classmethod
    def of(
        cls, name: str, texts: Sequence[str], indexes: NDArray[Any], *, label: str = ""
    ) -> "TextColumn":
        kind = np.min_scalar_type(-max(1, len(texts)))
        has_absent = bool((indexes < 0).any())
        field = pa.field(
            name,
            pa.dictionary(pa.from_numpy_dtype(kind), pa.string()),
            nullable=has_absent,
            metadata={LABEL_KEY: plain(label)} if label else None,
        )
        values = pa.array(list(map(plain, texts)), pa.string())
        return cls(field, values, indexes.astype(kind), has_absent)

    def at(self, rows: Int64s | Int32s) -> Any:
        """The column's part with these rows."""
        indexes = self.indexes[rows]
        mask = indexes < 0 if self.has_absent else None
        if mask is not None:
            indexes[mask] = 0
        made = pa.array(indexes, mask=mask)
        return pa.DictionaryArray.from_arrays(made, self.texts, safe=False)


def plain(text: str) -> str:
    """Bytes that are no UTF-8 become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def label_columns(labels: LabelFrame, names: Sequence[str]) -> list[TextColumn]:
    """The columns of a frame's labels, which are called by these names."""
    columns = []
    for label, name in zip(labels.names, names, strict=True):
        distinct, numbers = number_codes(np.ascontiguousarray(labels.column(label)))
        texts = labels.symbols.texts(distinct[1:])
        columns.append(TextColumn.of(name, texts, numbers - 1, label=label))
    return columns


class Stream:
    """Writes batches, and gives the bytes of each."""

    def __init__(self, fields: Sequence[Any], notes: Notes) -> None:
        self._sink = io.BytesIO()
        self.schema = pa.schema(fields, metadata=notes)
        self._writer = pa.ipc.new_stream(self._sink, self.schema)

    def batch(self, columns: Sequence[Any]) -> bytes:
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))
        return self._taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


def encode_table(table: Table, *, batch_bytes: int = BATCH_BYTES_MAX) -> Iterator[bytes]:
    """The answer to a query."""
    labels = label_columns(table.labels, column_names(table.labels.names))
    fields = [pa.field(TIME, TIMESTAMP, nullable=False), *(column.field for column in labels)]
    is_text = table.value is None
    fields.append(
        pa.field(VALUE, pa.string() if is_text else pa.float64(), nullable=table.has_histograms)
    )
    if table.has_histograms:
        fields.append(pa.field(HISTOGRAM, HISTOGRAM_TYPE))
    replicas = replica_column(table)
    if replicas is not None:
        fields.append(replicas.field)
    stream = Stream(fields, notes_of(table))
    if is_text:
        yield stream.batch([pa.array(table.steps, TIMESTAMP), pa.array([plain(table.text)])])
    row_bytes = 16 + sum(column.indexes.itemsize for column in labels)
    sizes = TextBlocks(points=max(1, batch_bytes // row_bytes))
    for block in table.blocks(sizes):
        for points in block.within(batch_bytes, row=row_bytes, bucket=BUCKET_BYTES):
            yield stream.batch(
                [
                    pa.array(points.timestamps, TIMESTAMP),
                    *(column.at(points.rows) for column in labels),
                    *sample_columns(points, with_histograms=table.has_histograms),
                    *([] if replicas is None else [replicas.at(points.origins)]),
                ]
            )
    yield stream.end()


def notes_of(table: Table) -> Notes:
    notes = {"resultType": table.kind}
    if table.warnings:
        notes["warnings"] = dump(shown_notes(table.warnings, "warning")).decode()
    if table.infos:
        notes["infos"] = dump(shown_notes(table.infos, "info")).decode()
    if table.stats is not None:
        notes["stats"] = dump(table.stats).decode()
    return notes


def replica_column(table: Table) -> TextColumn | None:
    """The replicas that points may come from."""
    if table.origins is None:
        return None
    made = ObjectText.of(table.origins.replicas)
    ends = made.starts.tolist()
    texts = [made.text[a:b].tobytes().decode() for a, b in zip(ends, ends[1:], strict=False)]
    return TextColumn.of(PROVENANCE, texts, np.arange(len(texts)))


def sample_columns(points: Points, *, with_histograms: bool) -> list[Any]:
    """The columns of values and, if the table has one, of histograms."""
    natives = points.natives
    if not with_histograms:
        return [pa.array(points.values)]
    if natives is None:
        return [pa.array(points.values), pa.nulls(len(points), HISTOGRAM_TYPE)]
    mask = natives.mask
    return [pa.array(points.values, mask=mask), histogram_column(natives)]


def histogram_column(natives: Natives) -> Any:
    h, mask = natives.histograms, natives.mask
    rows = natives.rows[mask]
    lines = bucket_lines(h, rows)
    lengths = np.zeros(len(mask), np.int64)
    lengths[mask] = np.diff(lines.offsets)
    counts, sums = np.zeros(len(mask)), np.zeros(len(mask))
    counts[mask], sums[mask] = h.counts[rows], h.sums[rows]
    columns = [pa.array(a) for a in (lines.codes, lines.lowers, lines.uppers, lines.counts)]
    buckets = pa.ListArray.from_arrays(
        pa.array(offsets_of(lengths).astype(np.int32)),
        pa.StructArray.from_arrays(columns, fields=list(BUCKET)),
    )
    return pa.StructArray.from_arrays(
        [pa.array(counts), pa.array(sums), buckets],
        fields=list(HISTOGRAM_TYPE),
        mask=pa.array(~mask),
    )


def encode_labelsets(
    labels: LabelFrame, *, limit: int, batch_bytes: int = BATCH_BYTES_MAX
) -> Iterator[bytes]:
    """The answer whose data are label sets, sorted: a column for each label."""
    rows = labels.rows
    notes = {}
    if 0 < limit < rows:
        rows, notes = limit, {"warnings": dump([TRUNCATED]).decode()}
    columns = label_columns(labels, labels.names)
    stream = Stream([column.field for column in columns], notes)
    at_once = max(1, batch_bytes // max(1, sum(column.indexes.itemsize for column in columns)))
    order = labels.order()[:rows]
    for first in range(0, rows if columns else 0, at_once):
        places = order[first : first + at_once]
        yield stream.batch([column.at(places) for column in columns])
    yield stream.end()


def encode_texts(name: str, texts: Sequence[str], *, limit: int) -> Iterator[bytes]:
    """The answer whose data are label names or values: one column with this name."""
    notes = {}
    if 0 < limit < len(texts):
        texts, notes = texts[:limit], {"warnings": dump([TRUNCATED]).decode()}
    stream = Stream([pa.field(name, pa.string(), nullable=False)], notes)
    for first in range(0, len(texts), TextBlocks().rows):
        part = texts[first : first + TextBlocks().rows]
        yield stream.batch([pa.array(list(map(plain, part)), pa.string())])
    yield stream.end()
