"""Tables as CSV, for people and for spreadsheets.

The columns are those of Arrow streams. Times are RFC 3339 in UTC, numbers are as in JSON, a
histogram is a text such as {count:3, sum:2.5, (0.5,1]:3}, and what is absent is empty. Lines end
with a line feed. What an answer says beside its data has no place here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from api.answers.encoding import Buffer, SampleReplicas, TextBlocks
from api.answers.tables import csv_lines
from api.answers.tables.points import (
    HISTOGRAM,
    PROVENANCE,
    TIME,
    VALUE,
    Points,
    Table,
    column_names,
)
from api.answers.texts import NO_OBJECTS, ObjectText, histogram_numbers, kernel_array, room_for
from storage.histograms.columns import Natives
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Int32s
from storage.labels.frames import LabelFrame
from storage.labels.numbering import number_codes

# Lines that are made at once: some 1 MiB of them, where labels are not many; and what they take at
# most without their labels.
POINTS_AT_ONCE = 1 << 13
BLOCK_BYTES_MAX = 1 << 22
ROWS_AT_ONCE = 1 << 13
_QUOTED = re.compile(r'[",\r\n]')


def quoted(text: str) -> str:
    """A text as one field of a line."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def field_texts(texts: Sequence[str]) -> ObjectText:
    """Texts as fields, for kernels to copy from. Bytes that are no UTF-8 become U+FFFD."""
    fields = [
        quoted(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
        for text in texts
    ]
    blob = b"".join(fields)
    room = room_for(len(blob))
    room[: len(blob)] = np.frombuffer(blob, np.uint8)
    return ObjectText(offsets_of([len(field) for field in fields]), room)


def line(fields: Sequence[str]) -> bytes:
    text = ",".join(map(quoted, fields)) + "\n"
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


@dataclass(frozen=True, slots=True)
class LabelFields:
    """The labels of series as fields: ids[series, label] says which text each is."""

    ids: Int32s
    texts: ObjectText

    @classmethod
    def of(cls, labels: LabelFrame) -> "LabelFields":
        distinct, ids = number_codes(labels.matrix(labels.names))
        return cls(ids, field_texts(labels.symbols.texts(distinct.tolist())))


def encode_table(table: Table, *, points_max: int = POINTS_AT_ONCE) -> Iterator[Buffer]:
    """The answer to a query."""
    names = [TIME, *column_names(table.labels.names), VALUE]
    names += [HISTOGRAM] if table.has_histograms else []
    names += [PROVENANCE] if table.origins is not None else []
    yield line(names)
    if table.value is None:
        yield moment(int(table.steps[0])) + b"," + line([table.text])
        return
    labels, replicas = LabelFields.of(table.labels), replica_fields(table.origins)
    for block in table.blocks(TextBlocks(points=points_max)):
        for points in block.within(
            BLOCK_BYTES_MAX, row=csv_lines.LINE_BYTES_MAX, bucket=csv_lines.BUCKET_BYTES_MAX
        ):
            yield encode_points(points, labels, replicas, table.has_histograms)


def replica_fields(origins: SampleReplicas | None) -> ObjectText:
    if origins is None:
        return NO_OBJECTS
    made = ObjectText.of(origins.replicas)
    ends = made.starts.tolist()
    return field_texts(
        [made.text[a:b].tobytes().decode() for a, b in zip(ends, ends[1:], strict=False)]
    )


def encode_points(
    points: Points, labels: LabelFields, replicas: ObjectText, with_histograms: bool
) -> Buffer:
    """The lines of a block."""
    objects, histograms = histogram_fields(points.natives, len(points))
    size = (
        csv_lines.line_bytes(labels.ids, labels.texts.starts, points.rows)
        + (csv_lines.LINE_BYTES_MAX + replicas.longest) * len(points)
        + int(histograms.starts[-1])
    )
    out = room_for(size)
    end = csv_lines.write_lines(
        out,
        labels.ids,
        labels.texts.starts,
        labels.texts.text,
        points.rows,
        kernel_array(points.timestamps, np.int64),
        kernel_array(points.values, np.float64),
        objects,
        histograms.starts,
        histograms.text,
        kernel_array(points.origins, np.int32),
        replicas.starts,
        replicas.text,
        with_histograms,
    )
    return out[:end].data


def histogram_fields(natives: Natives | None, count: int) -> tuple[Int32s, ObjectText]:
    """Which histogram each point is, -1 for a float, and their texts."""
    objects = np.full(count, -1, np.int32)
    if natives is None:
        return objects, NO_OBJECTS
    mask = natives.mask
    objects[mask] = np.arange(int(mask.sum()), dtype=np.int32)
    lines, numbers = histogram_numbers(natives.histograms, natives.rows[mask])
    found = len(lines.offsets) - 1
    size = csv_lines.HISTOGRAM_BYTES_MAX * found + csv_lines.BUCKET_BYTES_MAX * len(lines.codes)
    out, starts = room_for(size), np.empty(found + 1, np.int64)
    csv_lines.write_histograms(out, starts, lines.offsets, lines.codes, numbers)
    return objects, ObjectText(starts, out)


def moment(time_ms: int) -> bytes:
    """The text of one time."""
    out = room_for(csv_lines.TIME_BYTES_MAX)
    return out[: csv_lines.write_moment_at(out, time_ms)].tobytes()


def encode_labelsets(labels: LabelFrame, *, limit: int) -> Iterator[Buffer]:
    """The answer whose data are label sets, sorted: a column for each label."""
    yield line(labels.names)
    rows = min(limit or labels.rows, labels.rows)
    fields = LabelFields.of(labels)
    order = labels.order()[:rows]
    for first in range(0, rows, ROWS_AT_ONCE):
        ids = fields.ids[order[first : first + ROWS_AT_ONCE]]
        places = np.arange(len(ids))
        out = room_for(csv_lines.line_bytes(ids, fields.texts.starts, places) + len(ids))
        end = csv_lines.write_labels(out, ids, fields.texts.starts, fields.texts.text)
        yield out[:end].data


def encode_texts(name: str, texts: Sequence[str], *, limit: int) -> Iterator[bytes]:
    """The answer whose data are label names or values: one column with this name."""
    yield line([name])
    yield b"".join(line([text]) for text in texts[: limit or None])
