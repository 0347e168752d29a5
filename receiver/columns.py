"""What decoding of both versions of remote write shares: limits, secrets, errors, histograms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from receiver.buffers import DecodeBuffers
from receiver.errors import CorruptBody, TooLarge
from receiver.histogram_columns import HistogramLimits, decode_histograms
from receiver.label_hash import new_secret
from receiver.options import (
    BUCKETS_CEILING,
    DECODED_BYTES_CEILING,
    REQUEST_BUCKETS_CEILING,
    WriteOptions,
)
from receiver.wire import (
    EXEMPLARS,
    METADATA,
    OWNER,
    POSITION,
    SAMPLES,
    SCAN_ERRORS,
    SCANNED,
    SERIES,
)
from storage.batch import Batch, Bytes, RawExemplars, RawMetadata, SymbolSpans, UInt64s
from storage.samples import NO_HISTOGRAM, Float64s, Histograms, Int8s, Int32s, Int64s
from storage.words import Place

# Each takes memory of its own, however few bytes it is on the wire.
COUNTED = (SERIES, SAMPLES, EXEMPLARS, METADATA)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one request may hold."""

    decoded_bytes_max: int
    samples_max: int
    symbols_max: int = DECODED_BYTES_CEILING
    histograms: HistogramLimits = HistogramLimits(BUCKETS_CEILING, REQUEST_BUCKETS_CEILING)


# Of bodies that were admitted before and come back from the log.
REPLAY_LIMITS = DecodeLimits(DECODED_BYTES_CEILING, DECODED_BYTES_CEILING)


def limits_of(options: WriteOptions) -> DecodeLimits:
    buckets = HistogramLimits(options.histogram_buckets_max, options.request_buckets_max)
    return DecodeLimits(
        options.decoded_bytes_max,
        options.request_samples_max,
        options.request_symbols_max,
        buckets,
    )


def replay_limits_of(options: WriteOptions) -> DecodeLimits:
    """Those of the log: what is refused histogram by histogram must be refused again."""
    buckets = HistogramLimits(options.histogram_buckets_max, REQUEST_BUCKETS_CEILING)
    return DecodeLimits(
        DECODED_BYTES_CEILING, DECODED_BYTES_CEILING, DECODED_BYTES_CEILING, buckets
    )


class Secrets:
    """The keys of all hashes: of label bytes, of texts, and of series by their symbols."""

    def __init__(self) -> None:
        self.series_1 = new_secret()
        self.texts = new_secret()
        self.series_2 = new_secret()


@dataclass(slots=True)
class Columns:
    """The columns of a batch while it is made; see storage.batch.Batch."""

    label_start: Int64s
    label_end: Int64s
    hash_low: UInt64s
    hash_high: UInt64s
    sample_offsets: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None = None
    rows: Int32s | None = None
    histograms: Histograms | None = None
    problems: Int8s | None = None
    symbols: SymbolSpans | None = None
    series_problems: Int8s | None = None
    exemplars: RawExemplars | None = None
    metadata: RawMetadata | None = None

    @classmethod
    def of_buffers(cls, buffers: DecodeBuffers, series: int, samples: int) -> Self:
        """The columns that every request has, as views of the buffers."""
        return cls(
            buffers.label_start[:series],
            buffers.label_end[:series],
            buffers.hash_low[:series],
            buffers.hash_high[:series],
            buffers.sample_offsets[: series + 1],
            buffers.timestamps[:samples],
            buffers.value_bits[:samples].view(np.float64),
        )

    def batch(self, kind: int, payload: bytes, body: Bytes, release: Callable[[], None]) -> Batch:
        return Batch(
            kind=kind,
            payload=payload,
            buffer=body,
            label_start=self.label_start,
            label_end=self.label_end,
            hash_low=self.hash_low,
            hash_high=self.hash_high,
            sample_offsets=self.sample_offsets,
            timestamps=self.timestamps,
            values=self.values,
            starts=self.starts,
            rows=self.rows,
            histograms=self.histograms,
            problems=self.problems,
            symbols=self.symbols,
            series_problems=self.series_problems,
            exemplars=self.exemplars,
            metadata=self.metadata,
            release=release,
        )


def check_counts(tally: Sequence[int], limits: DecodeLimits) -> None:
    """Raise TooLarge if a scan has found more of something than a request may have."""
    series, samples, exemplars, metadata = (tally[part] for part in COUNTED)
    if max(series, samples, exemplars, metadata) > limits.samples_max:
        raise TooLarge(
            f"{series} series, {samples} samples, {exemplars} exemplars and {metadata} entries of "
            f"metadata in one request; allowed are {limits.samples_max} of each "
            "(write.max-samples-per-request)"
        )


def check_scan(result: int, tally: Int64s, size: int) -> None:
    """Raise CorruptBody unless a scan of `size` bytes ended well."""
    if result != SCANNED:
        check_scanned((result, int(tally[POSITION])), size)


def check_scanned(result: tuple[Place, Place], size: int) -> int:
    """The second number of a kernel's (SCANNED, number); (error, place) raises CorruptBody."""
    code, number = int(result[0]), int(result[1])
    if code != SCANNED:
        raise CorruptBody(f"corrupt body at byte {number} of {size}: {SCAN_ERRORS[code]}")
    return number


def add_histograms(
    columns: Columns, body: Bytes, places: Int64s, limits: DecodeLimits, *, starts: bool = False
) -> None:
    """Put the histograms whose messages lie at `places` into the columns. starts: whether they may
    tell one. Raises CorruptBody or TooLarge."""
    found = decode_histograms(body, places, limits.histograms)
    samples = places[:, OWNER]
    columns.rows = np.full(len(columns.timestamps), NO_HISTOGRAM, np.int32)
    columns.rows[samples] = np.arange(len(places))
    columns.timestamps[samples] = found.timestamps
    columns.values.view(np.uint64)[samples] = found.sum_bits
    columns.histograms = found.histograms
    columns.problems = found.problems if found.problems.any() else None
    if starts and found.starts.any():
        if columns.starts is None:
            columns.starts = np.zeros(len(columns.timestamps), np.int64)
        columns.starts[samples] = np.where(found.starts != 0, found.starts, columns.starts[samples])
