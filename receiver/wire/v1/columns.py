"""The columns of a remote write 1.0 request, from its uncompressed bytes."""

import numpy as np

from receiver.wire.buffers import DecodeBuffers
from receiver.wire.columns import (
    DecodeLimits,
    Secrets,
    add_histograms,
    check_counts,
    check_scan,
    check_scanned,
    columns_of_buffers,
)
from receiver.wire.scan import EXEMPLARS, HISTOGRAMS, METADATA, SAMPLES, SERIES
from receiver.wire.v1.exemplars import read_exemplars
from receiver.wire.v1.metadata import read_metadata
from receiver.wire.v1.series import scan_write_request
from storage.batch import Batch, RawMetadata
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.samples.exemplars import RawExemplars


def decode_columns(
    buffers: DecodeBuffers, size: int, limits: DecodeLimits, secrets: Secrets
) -> Batch:
    """The columns of the request buffers.body[:size]. Raises CorruptBody or TooLarge."""
    scan(buffers, size, limits, secrets.series_v1)
    tally = buffers.tally.tolist()
    batch = columns_of_buffers(buffers, size, tally[SERIES], tally[SAMPLES])
    body = batch.buffer
    if tally[HISTOGRAMS]:
        add_histograms(batch, buffers.histogram_places[: tally[HISTOGRAMS]], limits)
    if tally[EXEMPLARS]:
        batch.exemplars = exemplars_of(body, buffers.exemplar_places[: tally[EXEMPLARS]])
    if tally[METADATA]:
        batch.metadata = metadata_of(body, buffers.metadata_places[: tally[METADATA]], secrets)
    return batch


def scan(buffers: DecodeBuffers, size: int, limits: DecodeLimits, secret: UInt64s) -> None:
    """Fill the columns, and again after growing them where they were too short."""
    run_scan(buffers, size, secret)
    tally = buffers.tally.tolist()
    check_counts(tally, limits)
    places = (("histogram_places", HISTOGRAMS), ("exemplar_places", EXEMPLARS))
    short = tally[SERIES] > len(buffers.label_start) or tally[SAMPLES] > len(buffers.timestamps)
    if short:
        buffers.reserve_columns(tally[SERIES], tally[SAMPLES])
    for name, kind in (*places, ("metadata_places", METADATA)):
        if tally[kind] > len(getattr(buffers, name)):
            buffers.reserve(tally[kind], name)
            short = True
    if short:
        run_scan(buffers, size, secret)


def run_scan(buffers: DecodeBuffers, size: int, secret: UInt64s) -> None:
    result = scan_write_request(
        buffers.body, size, buffers.label_start, buffers.label_end, buffers.sample_offsets,
        buffers.timestamps, buffers.value_bits, buffers.histogram_places,
        buffers.exemplar_places, buffers.metadata_places, buffers.tally,
        secret, buffers.hash_low, buffers.hash_high,
    )  # fmt: skip
    check_scan(int(result), buffers.tally, size)


def exemplars_of(body: Bytes, places: Int64s) -> RawExemplars:
    """The exemplars whose messages lie at `places`. Raises CorruptBody."""
    count = len(places)
    starts, ends, timestamps = (np.empty(count, np.int64) for _ in range(3))
    bits = np.empty(count, np.uint64)
    check_scanned(read_exemplars(body, places, starts, ends, timestamps, bits), len(body))
    values = bits.view(np.float64)
    return RawExemplars(places[:, 0].copy(), timestamps, values, body, starts, ends)


def metadata_of(body: Bytes, places: Int64s, secrets: Secrets) -> RawMetadata | None:
    """The entries with a name whose messages lie at `places`. Raises CorruptBody."""
    count = len(places)
    spans, kinds = np.empty((count, 6), np.int64), np.empty(count, np.int8)
    low, high = np.empty(count, np.uint64), np.empty(count, np.uint64)
    found = read_metadata(body, places, secrets.texts, spans, kinds, low, high)
    kept = check_scanned(found, len(body))
    if not kept:
        return None
    return RawMetadata(body, spans[:kept], kinds[:kept], low[:kept], high[:kept])
