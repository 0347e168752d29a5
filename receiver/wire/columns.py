"""What decoding of both versions of remote write shares: limits, secrets, errors, histograms."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from receiver.errors import CorruptBody, TooLarge
from receiver.settings.options import (
    BUCKETS_CEILING,
    DECODED_BYTES_CEILING,
    REQUEST_BUCKETS_CEILING,
    WriteOptions,
)
from receiver.wire.buffers import DecodeBuffers
from receiver.wire.histogram_columns import HistogramLimits, decode_histograms
from receiver.wire.label_hash import LOW_POINT, PRIME, SECRET_WORDS, new_secret
from receiver.wire.scan import (
    EXEMPLARS,
    METADATA,
    OWNER,
    POSITION,
    SAMPLES,
    SCAN_ERRORS,
    SCANNED,
    SERIES,
)
from storage.batch import Batch, RawNatives
from storage.histograms.columns import NO_HISTOGRAM
from storage.kernels.arrays import Int64s, UInt64s
from storage.kernels.words import Place

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

    def __init__(self, seed: bytes = b"") -> None:
        """seed: random bytes that several processes have, so that their keys are the same; without
        it they are no one else's."""
        stream = Stream(seed)
        drawn = [stream.secret() if seed else new_secret() for _ in range(3)]
        self.series_v1, self.texts, self.series_v2 = drawn


class Stream:
    """Secrets that follow from a seed, which they do not reveal."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def secret(self) -> UInt64s:
        """As new_secret()."""
        secret = np.frombuffer(self._take(8 * SECRET_WORDS), np.uint64).copy()
        # Of 128 bits, so that the remainder favours none.
        points = [int.from_bytes(self._take(16), "little") for _ in range(2)]
        secret[LOW_POINT:] = [1 + point % (int(PRIME) - 1) for point in points]
        return secret

    def _take(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._seed + self._count.to_bytes(8, "little")).digest(size)


def columns_of_buffers(buffers: DecodeBuffers, size: int, series: int, samples: int) -> Batch:
    """A batch of the columns that every request has, as views of the buffers."""
    return Batch(
        buffer=buffers.body[:size],
        label_start=buffers.label_start[:series],
        label_end=buffers.label_end[:series],
        hash_low=buffers.hash_low[:series],
        hash_high=buffers.hash_high[:series],
        sample_offsets=buffers.sample_offsets[: series + 1],
        timestamps=buffers.timestamps[:samples],
        values=buffers.value_bits[:samples].view(np.float64),
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
    batch: Batch, places: Int64s, limits: DecodeLimits, *, starts: bool = False
) -> None:
    """Put the histograms whose messages lie at `places` into the batch. starts: whether they may
    state one. Raises CorruptBody or TooLarge."""
    found = decode_histograms(batch.buffer, places, limits.histograms)
    samples = places[:, OWNER]
    rows = np.full(batch.sample_count, NO_HISTOGRAM, np.int32)
    rows[samples] = np.arange(len(places))
    reasons = found.reasons if found.reasons.any() else None
    batch.natives = RawNatives(found.histograms, rows, reasons)
    batch.timestamps[samples] = found.timestamps
    batch.values.view(np.uint64)[samples] = found.sum_bits
    if starts and found.starts.any():
        if batch.starts is None:
            batch.starts = np.zeros(batch.sample_count, np.int64)
        batch.starts[samples] = np.where(found.starts != 0, found.starts, batch.starts[samples])
