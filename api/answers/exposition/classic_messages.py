"""Native histograms with custom buckets as the protobuf messages of classic ones.

    Histogram   sample_count=1 or, as a float, 4; sample_sum=2; bucket=3
    Bucket      cumulative_count=1 or, as a float, 4; upper_bound=2

Counts are whole numbers where all of a histogram are, which older scrapers know only.
"""

import numpy as np

from api.answers.exposition.classic import BUCKET, SUM, classic_lines
from api.answers.wire.fields import (
    FIXED64,
    LENGTH,
    VARINT,
    put_fixed,
    put_head,
    put_number,
    room_for,
    tag,
    varint_size,
)
from api.answers.wire.histograms import HistogramMessages
from storage.histograms.columns import Histograms
from storage.kernels.arrays import Bools, Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place

COUNT_WHOLE, COUNT_FLOAT = tag(1, VARINT), tag(4, FIXED64)
# The same numbers have the sum of a histogram and the upper bound of a bucket.
REAL, BUCKET_HEAD = tag(2, FIXED64), tag(3, LENGTH)
LINE_BYTES_MAX = 24
FIXED_BYTES = 9
WHOLE_MAX = 2.0**53


def classic_messages(histograms: Histograms) -> HistogramMessages:
    """The messages of histograms that all have custom buckets."""
    lines = classic_lines(histograms)
    counts = lines.values[lines.kinds != SUM]
    odd = (counts != np.floor(counts)) | (counts < 0) | (counts > WHOLE_MAX)
    found = np.bincount(lines.owners[lines.kinds != SUM], weights=odd, minlength=len(histograms))
    content = room_for(LINE_BYTES_MAX * len(lines.owners))
    starts = np.zeros(len(histograms) + 1, np.int64)
    write_classic(
        lines.owners, lines.kinds, lines.bounds, lines.values, found == 0, content, starts
    )
    return HistogramMessages(starts, content)


@kernel
def write_classic(
    owners: Int64s,
    kinds: Int32s,
    bounds: Float64s,
    values: Float64s,
    are_whole: Bools,
    content: Bytes,
    starts: Int64s,
) -> None:
    """All histograms, one behind the other."""
    out = content.ctypes.data
    uppers, words = bounds.view(np.uint64), values.view(np.uint64)
    at: Place = 0
    for line in range(len(owners)):
        whole = are_whole[owners[line]]
        if kinds[line] == SUM:
            at = put_fixed(out, at, REAL, words[line])
            continue
        if kinds[line] == BUCKET:
            size: Place = FIXED_BYTES
            if whole:
                size = 1 + varint_size(np.uint64(values[line]))
            at = put_head(out, at, BUCKET_HEAD, FIXED_BYTES + size)
            at = put_fixed(out, at, REAL, uppers[line])
        if whole:
            at = put_number(out, at, COUNT_WHOLE, np.uint64(values[line]))
        else:
            at = put_fixed(out, at, COUNT_FLOAT, words[line])
        starts[owners[line] + 1] = at
