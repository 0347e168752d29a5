"""The native histograms of one request, as the columns that storage keeps.

Most requests have none and never come here. Columns are made for each request that has: they
are small beside its body, and what is kept of them is copied by the head.
"""

from dataclasses import dataclass

import numpy as np

from receiver.errors import CorruptBody, TooLarge
from receiver.wire.histogram_fields import (
    COUNT_FLOAT,
    COUNT_INT,
    ENTRIES,
    IS_FLOAT,
    NEGATIVE_COUNTS,
    NEGATIVE_DELTAS,
    NEGATIVE_SPANS,
    POSITIVE_COUNTS,
    POSITIVE_DELTAS,
    RESET_HINT,
    SCHEMA,
    START_TIMESTAMP,
    SUM,
    TIMESTAMP,
    WORDS,
    ZERO_COUNT_FLOAT,
    ZERO_COUNT_INT,
    ZERO_IS_FLOAT,
    ZERO_THRESHOLD,
    read_scalars,
)
from receiver.wire.histograms import fill_buckets
from receiver.wire.scan import SCAN_ERRORS, SCANNED
from storage.histograms.columns import HINT_UNKNOWN, SCHEMA_MAX, Bounds, Buckets, Histograms
from storage.kernels.arrays import Bools, Bytes, Float64s, Int8s, Int64s, UInt64s
from storage.reasons import OK

HINTS = 4  # those above are of a later standard


@dataclass(frozen=True, slots=True)
class HistogramLimits:
    """How many buckets and custom bounds one histogram and one request may have."""

    buckets_max: int
    request_buckets_max: int


@dataclass(frozen=True, slots=True)
class DecodedHistograms:
    """The histograms of a request. reasons: int8, 0 or why one is refused; such a one is empty.

    sum_bits: the bits of the sums; starts: int64 ms, 0 where not stated.
    """

    histograms: Histograms
    reasons: Int8s
    timestamps: Int64s
    sum_bits: UInt64s
    starts: Int64s


def decode_histograms(buffer: Bytes, places: Int64s, limits: HistogramLimits) -> DecodedHistograms:
    """The histograms whose messages lie at `places` (a place list of receiver.wire).

    Raises CorruptBody, or TooLarge if there are more buckets than a request may have.
    """
    words = np.empty((len(places), WORDS), np.uint64)
    error, place = read_scalars(buffer, places, words)
    if error != SCANNED:
        fault = SCAN_ERRORS[int(error)]
        raise CorruptBody(f"corrupt body at byte {place} of {len(buffer)}: {fault}")
    numbers = words[:, ENTRIES:].astype(np.int64)
    allowed = numbers.sum(axis=1) <= 2 * limits.buckets_max
    buckets = count_buckets(numbers[allowed], limits)
    room = int(numbers[allowed].sum(axis=1).max(initial=0))
    offsets = np.empty((2, len(places) + 1), np.int64)
    indexes, counts = np.empty((2, buckets), np.int32), np.empty((2, buckets), np.float64)
    bound_offsets = np.empty(len(places) + 1, np.int64)
    bounds = np.empty(int(numbers[allowed, -1].sum()), np.float64)
    reasons = np.empty(len(places), np.int8)
    spans = np.empty((2, room, 2), np.int64)
    bits, bound_bits = np.empty((2, room), np.uint64), np.empty(room, np.uint64)
    fill_buckets(
        buffer, places, words, limits.buckets_max, spans, bits, bits.view(np.float64),
        bound_bits, bound_bits.view(np.float64), np.empty(5, np.int64),
        offsets, indexes, counts, bound_offsets, bounds, reasons,
    )  # fmt: skip
    ends = offsets[:, -1]
    negative, positive = (
        Buckets(offsets[side], indexes[side, : ends[side]], counts[side, : ends[side]])
        for side in range(2)
    )
    return DecodedHistograms(
        histograms_of(words, reasons, positive, negative, Bounds(bound_offsets, bounds)),
        reasons,
        words[:, TIMESTAMP].astype(np.int64),
        words[:, SUM].copy(),
        words[:, START_TIMESTAMP].astype(np.int64),
    )


def count_buckets(numbers: Int64s, limits: HistogramLimits) -> int:
    """Room for the buckets of the larger side. numbers: entries by repeated field, int64[n, 9]."""
    sides = [
        [field - NEGATIVE_SPANS for field in fields]
        for fields in ((NEGATIVE_DELTAS, NEGATIVE_COUNTS), (POSITIVE_DELTAS, POSITIVE_COUNTS))
    ]
    negative, positive = (int(numbers[:, side].sum()) for side in sides)
    total = negative + positive + int(numbers[:, -1].sum())
    if total > limits.request_buckets_max:
        raise TooLarge(
            f"{total} histogram buckets and custom bounds in one request; allowed are "
            f"{limits.request_buckets_max} (write.max-buckets-per-request)"
        )
    return max(negative, positive)


def histograms_of(
    words: UInt64s, reasons: Int8s, positive: Buckets, negative: Buckets, bounds: Bounds
) -> Histograms:
    """The columns of the plain fields beside those of the buckets."""
    # The sint32 that the low 32 bits are.
    signed = (words[:, SCHEMA] & 0xFFFFFFFF).astype(np.int64)
    schemas = (signed >> 1) ^ -(signed & 1)
    schemas = np.where(reasons == OK, np.minimum(schemas, SCHEMA_MAX), 0)
    hints = np.where(words[:, RESET_HINT] < HINTS, words[:, RESET_HINT], HINT_UNKNOWN)
    is_float = words[:, IS_FLOAT] != 0
    zero_told = words[:, ZERO_IS_FLOAT] == words[:, IS_FLOAT]
    zero_counts = number(words, is_float, ZERO_COUNT_INT, ZERO_COUNT_FLOAT)
    return Histograms(
        schemas=schemas.astype(np.int8),
        hints=hints.astype(np.int8),
        counts=number(words, is_float, COUNT_INT, COUNT_FLOAT),
        sums=words[:, SUM].copy().view(np.float64),
        zero_thresholds=words[:, ZERO_THRESHOLD].copy().view(np.float64),
        zero_counts=np.where(zero_told, zero_counts, 0.0),
        positive=positive,
        negative=negative,
        bounds=bounds,
    )


def number(words: UInt64s, is_float: Bools, integer: int, real: int) -> Float64s:
    """The counts of two fields of which `is_float` selects the right one."""
    reals = words[:, real].copy().view(np.float64)
    return np.where(is_float, reals, words[:, integer].astype(np.float64))
