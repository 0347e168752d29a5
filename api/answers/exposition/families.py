"""Samples as protobuf messages, each with its length before it: the only form with histograms.

    MetricFamily   name=1, type=3 (3 untyped, 4 histogram, 5 gauge histogram), metric=4 Metric
    Metric         label=1 {name=1 value=2}, untyped=5 {value=1}, timestamp_ms=6, histogram=7

Histograms with custom buckets are classic ones here, in families of their own.
"""

from collections.abc import Iterator

import numpy as np

from api.answers.exposition.classic_messages import classic_messages
from api.answers.exposition.scrape import Scrape
from api.answers.exposition.text import INSTANCE, plain_label, plain_name
from api.answers.wire.fields import (
    FIXED64,
    LENGTH,
    VARINT,
    LabelMessages,
    as_bytes,
    copy_bytes,
    head_size,
    put_fixed,
    put_head,
    put_labels,
    put_number,
    room_for,
    tag,
    text_field,
    varint,
    varint_size,
)
from api.answers.wire.histograms import CLIENT_FIELDS, HistogramMessages
from storage.histograms.columns import HINT_GAUGE, NO_HISTOGRAM
from storage.histograms.histograms import take
from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place
from storage.labels.matchers import METRIC_NAME

UNTYPED_KIND, HISTOGRAM_KIND, GAUGE_HISTOGRAM_KIND = 3, 4, 5
METRIC, UNTYPED, TIME, HISTOGRAM = tag(4, LENGTH), tag(5, LENGTH), tag(6, VARINT), tag(7, LENGTH)
VALUE = tag(1, FIXED64)
VALUE_BYTES = 9


@kernel_part
def metric_size(labels: Place, time: np.uint64, native: Place, starts: Int64s) -> Place:
    """The content of a metric's message."""
    size: Place = VALUE_BYTES
    if native >= 0:
        size = int(starts[native + 1] - starts[native])
    return labels + head_size(size) + size + 1 + varint_size(time)


@kernel
def metric_sizes(
    label_sizes: Int64s, timestamps: Int64s, natives: Int32s, starts: Int64s
) -> Int64s:
    """The bytes of each row's metric, with its tag and length."""
    out = np.empty(len(timestamps), np.int64)
    for row in range(len(out)):
        size = metric_size(label_sizes[row], np.uint64(timestamps[row]), natives[row], starts)
        out[row] = head_size(size) + size
    return out


@kernel
def write_metrics(
    content: Bytes,
    ids: Int32s,
    label_starts: Int64s,
    labels: Bytes,
    label_sizes: Int64s,
    timestamps: Int64s,
    values: Float64s,
    natives: Int32s,
    starts: Int64s,
    histograms: Bytes,
) -> Place:
    """The metrics of all rows."""
    out, source = content.ctypes.data, histograms.ctypes.data
    words = values.view(np.uint64)
    at: Place = 0
    for row in range(len(timestamps)):
        time, native = np.uint64(timestamps[row]), natives[row]
        at = put_head(out, at, METRIC, metric_size(label_sizes[row], time, native, starts))
        at = put_labels(out, at, ids, row, label_starts, labels)
        if native >= 0:
            at = put_head(out, at, HISTOGRAM, starts[native + 1] - starts[native])
            at = copy_bytes(out, at, source, starts[native], starts[native + 1])
        else:
            at = put_head(out, at, UNTYPED, VALUE_BYTES)
            at = put_fixed(out, at, VALUE, words[row])
        at = put_number(out, at, TIME, time)
    return at


def encode_families(scrape: Scrape, *, any_names: bool = False) -> Iterator[bytes]:
    """The messages of all families; the rows are in families."""
    bounds = [*scrape.family_starts().tolist(), len(scrape)]
    for first, end in zip(bounds[:-1], bounds[1:], strict=True):
        yield family_of(scrape.take(np.arange(first, end)), any_names=any_names)


def family_of(part: Scrape, *, any_names: bool) -> bytes:
    """The message of one family, behind its length."""
    frame = part.labels
    name = frame.symbols.text(int(frame.column(METRIC_NAME)[0]))
    frame = frame.drop([METRIC_NAME])
    if not any_names:
        name = plain_name(name)
    shown = str if any_names else plain_label
    labels = LabelMessages.of(frame, empty=(INSTANCE,), shown=shown)
    natives, kind = np.full(len(part), NO_HISTOGRAM, np.int32), UNTYPED_KIND
    messages = HistogramMessages(np.zeros(1, np.int64), room_for(0))
    if part.natives is not None and part.natives.mask.any():
        rows = part.natives.rows.astype(np.int64)
        histograms = part.natives.histograms
        if part.are_custom.all():
            messages = classic_messages(take(histograms, rows))
        else:
            messages = HistogramMessages.of(histograms, rows, CLIENT_FIELDS)
        natives = np.arange(len(part), dtype=np.int32)
        is_gauge = part.natives.histograms.hints[rows[0]] == HINT_GAUGE
        kind = GAUGE_HISTOGRAM_KIND if is_gauge else HISTOGRAM_KIND
    timestamps = np.ascontiguousarray(part.timestamps)
    sizes = metric_sizes(labels.sizes, timestamps, natives, messages.starts)
    out = room_for(int(sizes.sum()))
    end = write_metrics(
        out,
        *labels.columns,
        timestamps,
        np.ascontiguousarray(part.values),
        natives,
        messages.starts,
        messages.content,
    )
    head = text_field(1, as_bytes(name)) + bytes([3 << 3 | VARINT, kind])
    return varint(len(head) + int(end)) + head + out[:end].tobytes()
