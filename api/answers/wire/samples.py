"""Series with their samples as messages: a remote read of the type SAMPLES.

ReadResponse   results=1 QueryResult
QueryResult    timeseries=1 TimeSeries
TimeSeries     labels=1 {name=1 value=2}, samples=2 {value=1 double, timestamp=2},
               histograms=4 {..., timestamp=15}
"""

import numpy as np

from api.answers.wire.fields import (
    FIXED64,
    LENGTH,
    VARINT,
    LabelMessages,
    copy_bytes,
    head_size,
    put_fixed,
    put_head,
    put_labels,
    put_number,
    room_for,
    tag,
    text_field,
    varint_size,
)
from api.answers.wire.histograms import HistogramMessages
from storage.histograms.columns import NO_HISTOGRAM
from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place
from storage.samples.samples import Samples

SERIES, SAMPLE, HISTOGRAM = tag(1, LENGTH), tag(2, LENGTH), tag(4, LENGTH)
VALUE, TIME, HISTOGRAM_TIME = tag(1, FIXED64), tag(2, VARINT), tag(15, VARINT)
VALUE_BYTES = 9


@kernel_part
def point_size(word: np.uint64, native: Place, starts: Int64s) -> Place:
    """The content of a sample's message. native: its histogram, negative for a float."""
    size: Place = 1 + varint_size(word)
    if native < 0:
        return size + VALUE_BYTES
    return int(size + starts[native + 1] - starts[native])


@kernel
def series_sizes(
    offsets: Int64s, timestamps: Int64s, natives: Int32s, starts: Int64s, label_sizes: Int64s
) -> Int64s:
    """The content of each series' message."""
    sizes = label_sizes.copy()
    for row in range(len(sizes)):
        for place in range(offsets[row], offsets[row + 1]):
            size = point_size(np.uint64(timestamps[place]), natives[place], starts)
            sizes[row] += head_size(size) + size
    return sizes


@kernel
def write_series(
    content: Bytes,
    sizes: Int64s,
    ids: Int32s,
    label_starts: Int64s,
    labels: Bytes,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    natives: Int32s,
    starts: Int64s,
    histograms: Bytes,
) -> Place:
    """The messages of all series that have samples."""
    out, source = content.ctypes.data, histograms.ctypes.data
    words = values.view(np.uint64)
    at: Place = 0
    for row in range(len(sizes)):
        if offsets[row] == offsets[row + 1]:
            continue
        at = put_head(out, at, SERIES, sizes[row])
        at = put_labels(out, at, ids, row, label_starts, labels)
        for place in range(offsets[row], offsets[row + 1]):
            time, native = np.uint64(timestamps[place]), natives[place]
            size = point_size(time, native, starts)
            if native < 0:
                at = put_head(out, at, SAMPLE, size)
                at = put_fixed(out, at, VALUE, words[place])
                at = put_number(out, at, TIME, time)
            else:
                at = put_head(out, at, HISTOGRAM, size)
                at = copy_bytes(out, at, source, starts[native], starts[native + 1])
                at = put_number(out, at, HISTOGRAM_TIME, time)
    return at


def encode_samples(labels: LabelMessages, samples: Samples) -> bytes:
    """The series of a QueryResult; row i of `labels` has the i-th series' samples. Series without
    samples are left out."""
    found = samples.natives
    natives = np.full(len(samples), NO_HISTOGRAM, np.int32)
    messages = HistogramMessages(np.zeros(1, np.int64), room_for(0))
    if found is not None and found.mask.any():
        used, places = np.unique(found.rows[found.mask], return_inverse=True)
        natives[found.mask] = places
        messages = HistogramMessages.of(found.histograms, used.astype(np.int64))
    offsets = np.ascontiguousarray(samples.offsets)
    timestamps = np.require(samples.timestamps, np.int64, ("C", "W"))
    sizes = series_sizes(offsets, timestamps, natives, messages.starts, labels.sizes)
    out = room_for(int(sizes.sum()) + 11 * len(sizes))
    end = write_series(
        out,
        sizes,
        labels.ids,
        labels.starts,
        labels.content,
        offsets,
        timestamps,
        np.require(samples.values, np.float64, ("C", "W")),
        natives,
        messages.starts,
        messages.content,
    )
    return out[:end].tobytes()


def encode_response(results: list[bytes]) -> bytes:
    """The whole response, of one result for each query."""
    return b"".join(text_field(1, result) for result in results)
