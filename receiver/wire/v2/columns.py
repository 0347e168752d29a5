"""The columns of a remote write 2.0 request, from its uncompressed bytes."""

import numpy as np

from receiver.errors import TooLarge
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
from receiver.wire.v2.exemplars import build_labels, read_exemplars
from receiver.wire.v2.metadata import read_metadata
from receiver.wire.v2.series import REFUSED, STARTS, SYMBOLS, scan_symbol_series, scan_symbols
from storage.batch import Batch, RawMetadata, SymbolSpans
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.samples.exemplars import RawExemplars

SYMBOL_COLUMNS = ("symbol_start", "symbol_length", "symbol_hashes")
SERIES_COLUMNS = ("series_start", "series_end", "series_reasons", "metrics")
METADATA_COLUMNS = ("metadata_rows", "metadata_hashes")


def decode_columns(
    buffers: DecodeBuffers, size: int, limits: DecodeLimits, secrets: Secrets
) -> Batch:
    """The columns of the request buffers.body[:size]. Raises CorruptBody or TooLarge."""
    find_symbols(buffers, size, limits, secrets.texts)
    scan_all(buffers, size, limits, secrets.series_v2)
    tally = buffers.tally.tolist()
    batch = columns_of_buffers(buffers, size, tally[SERIES], tally[SAMPLES])
    body, count = batch.buffer, tally[SYMBOLS]
    symbols = SymbolSpans(buffers.symbol_start[:count], buffers.symbol_length[:count])
    batch.symbols = symbols
    reasons = buffers.series_reasons[: tally[SERIES]]
    refused = bool(tally[REFUSED])
    if tally[STARTS]:
        batch.starts = buffers.starts[: tally[SAMPLES]]
    if tally[HISTOGRAMS]:
        places = buffers.histogram_places[: tally[HISTOGRAMS]]
        add_histograms(batch, places, limits, starts=True)
    if tally[EXEMPLARS]:
        batch.exemplars = exemplars_of(body, buffers.exemplar_places[: tally[EXEMPLARS]], symbols)
    if tally[METADATA]:
        places = buffers.metadata_places[: tally[METADATA]]
        batch.metadata = metadata_of(body, places, buffers, symbols, secrets)
        refused = refused or bool(np.count_nonzero(reasons))
    batch.series_reasons = reasons if refused else None
    return batch


def find_symbols(buffers: DecodeBuffers, size: int, limits: DecodeLimits, secret: UInt64s) -> None:
    """Find symbols and series, and again after growing the columns where they were too short."""
    run_symbol_scan(buffers, size, secret)
    symbols, series = int(buffers.tally[SYMBOLS]), int(buffers.tally[SERIES])
    if symbols > limits.symbols_max:
        raise TooLarge(
            f"{symbols} symbols in one request; allowed are {limits.symbols_max} "
            "(write.max-symbols-per-request)"
        )
    check_counts(buffers.tally.tolist(), limits)
    if symbols > len(buffers.symbol_start) or series > len(buffers.series_start):
        buffers.reserve(symbols, *SYMBOL_COLUMNS)
        buffers.reserve(series, *SERIES_COLUMNS)
        run_symbol_scan(buffers, size, secret)


def run_symbol_scan(buffers: DecodeBuffers, size: int, secret: UInt64s) -> None:
    result = scan_symbols(
        buffers.body, size, buffers.symbol_start, buffers.symbol_length, buffers.series_start,
        buffers.series_end, buffers.tally, secret, buffers.symbol_hashes,
    )  # fmt: skip
    check_scan(int(result), buffers.tally, size)


def scan_all(buffers: DecodeBuffers, size: int, limits: DecodeLimits, secret: UInt64s) -> None:
    """Fill the columns of series and what they have, and again after growing them."""
    series = int(buffers.tally[SERIES])
    # Nearly every series has one sample and at most one entry of metadata.
    reserve_for(buffers, series, (series, 0, 0, series))
    run_series_scan(buffers, size, secret)
    tally = buffers.tally.tolist()
    check_counts(tally, limits)
    found = (tally[SAMPLES], tally[HISTOGRAMS], tally[EXEMPLARS], tally[METADATA])
    if reserve_for(buffers, series, found):
        run_series_scan(buffers, size, secret)


def reserve_for(buffers: DecodeBuffers, series: int, found: tuple[int, int, int, int]) -> bool:
    """Make room for so many series, and samples, histograms, exemplars and metadata; whether there
    was too little."""
    samples = found[0]
    short = series > len(buffers.label_start) or samples > len(buffers.timestamps)
    if short:
        buffers.reserve_columns(series, samples)
    names = ("starts", "histogram_places", "exemplar_places", "metadata_places")
    for size, name in zip(found, names, strict=True):
        if size > len(getattr(buffers, name)):
            buffers.reserve(size, name)
            short = True
    return short


def run_series_scan(buffers: DecodeBuffers, size: int, secret: UInt64s) -> None:
    series = int(buffers.tally[SERIES])
    result = scan_symbol_series(
        buffers.body, buffers.series_start[:series], buffers.series_end[:series],
        buffers.label_start, buffers.label_end, buffers.sample_offsets, buffers.timestamps,
        buffers.value_bits, buffers.starts, buffers.histogram_places, buffers.exemplar_places,
        buffers.metadata_places, buffers.tally, buffers.symbol_hashes, secret, buffers.hash_low,
        buffers.hash_high, buffers.metrics, buffers.series_reasons,
    )  # fmt: skip
    check_scan(int(result), buffers.tally, size)


def exemplars_of(body: Bytes, places: Int64s, symbols: SymbolSpans) -> RawExemplars:
    """The exemplars whose messages lie at `places`, with Label messages made of their symbols.
    Raises CorruptBody."""
    count = len(places)
    timestamps, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    bits, reasons = np.empty(count, np.uint64), np.empty(count, np.int8)
    result = read_exemplars(body, places, symbols.lengths, timestamps, bits, sizes, reasons)
    check_scanned(result, len(body))
    ends = np.cumsum(sizes)
    labels = np.empty(int(ends[-1]), np.uint8)
    build_labels(body, places, symbols.starts, symbols.lengths, sizes, labels)
    return RawExemplars(
        series=places[:, 0].copy(),
        timestamps=timestamps,
        values=bits.view(np.float64),
        buffer=labels,
        label_start=ends - sizes,
        label_end=ends,
        reasons=reasons if reasons.any() else None,
    )


def metadata_of(
    body: Bytes, places: Int64s, buffers: DecodeBuffers, symbols: SymbolSpans, secrets: Secrets
) -> RawMetadata | None:
    """The entries of the series whose metadata lie at `places`. Raises CorruptBody."""
    if len(places) > len(buffers.metadata_rows):
        buffers.reserve(len(places), *METADATA_COLUMNS)
    rows, hashes = buffers.metadata_rows, buffers.metadata_hashes
    found = read_metadata(
        body, places, buffers.metrics, symbols.lengths, buffers.symbol_hashes, secrets.texts,
        buffers.series_reasons, rows, hashes,
    )  # fmt: skip
    count = check_scanned(found, len(body))
    if not count:
        return None
    numbers = rows[:count, 1:]
    starts = symbols.starts[numbers]
    return RawMetadata(
        buffer=body,
        spans=np.stack([starts, starts + symbols.lengths[numbers]], axis=2).reshape(count, 6),
        kinds=rows[:count, 0].astype(np.int8),
        hash_low=hashes[:count, 0].copy(),
        hash_high=hashes[:count, 1].copy(),
        named_by_series=True,
    )
