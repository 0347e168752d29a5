"""The columns of a remote write 2.0 request, from its uncompressed bytes."""

import numpy as np

from receiver.buffers import DecodeBuffers
from receiver.columns import (
    Columns,
    DecodeLimits,
    Secrets,
    add_histograms,
    check_counts,
    check_scan,
    check_scanned,
)
from receiver.errors import TooLarge
from receiver.symbol_exemplars import build_labels, read_exemplars
from receiver.symbol_wire import PROBLEMS, STARTS, SYMBOLS, scan_symbol_series, scan_symbols
from receiver.wire import EXEMPLARS, HISTOGRAMS, METADATA, SAMPLES, SERIES
from storage.batch import Bytes, RawExemplars, RawMetadata, SymbolSpans
from storage.samples import Int64s

SYMBOL_COLUMNS = ("symbol_start", "symbol_length", "symbol_hashes")
SERIES_COLUMNS = ("series_start", "series_end", "series_problems")
METADATA_COLUMNS = ("metadata_rows", "metadata_hashes")


def decode_columns(
    buffers: DecodeBuffers, size: int, limits: DecodeLimits, secrets: Secrets
) -> Columns:
    """The columns of the request buffers.body[:size]. Raises CorruptBody or TooLarge."""
    find_symbols(buffers, size, limits)
    scan_all(buffers, size, limits, secrets)
    tally = buffers.tally.tolist()
    series, samples = tally[SERIES], tally[SAMPLES]
    body = buffers.body[:size]
    columns = Columns.of_buffers(buffers, series, samples)
    count = tally[SYMBOLS]
    symbols = SymbolSpans(buffers.symbol_start[:count], buffers.symbol_length[:count])
    columns.symbols = symbols
    if tally[STARTS]:
        columns.starts = buffers.starts[:samples]
    if tally[PROBLEMS]:
        columns.series_problems = buffers.series_problems[:series]
    if tally[HISTOGRAMS]:
        places = buffers.histogram_places[: tally[HISTOGRAMS]]
        add_histograms(columns, body, places, limits, starts=True)
    if tally[EXEMPLARS]:
        columns.exemplars = exemplars_of(body, buffers.exemplar_places[: tally[EXEMPLARS]], symbols)
    if tally[METADATA]:
        columns.metadata = metadata_of(buffers, size, tally[METADATA], symbols)
    return columns


def find_symbols(buffers: DecodeBuffers, size: int, limits: DecodeLimits) -> None:
    """Find symbols and series, and again after growing the columns where they were too short."""
    run_symbol_scan(buffers, size)
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
        run_symbol_scan(buffers, size)


def run_symbol_scan(buffers: DecodeBuffers, size: int) -> None:
    result = scan_symbols(
        buffers.body, size, buffers.symbol_start, buffers.symbol_length, buffers.series_start,
        buffers.series_end, buffers.tally,
    )  # fmt: skip
    check_scan(int(result), buffers.tally, size)


def scan_all(buffers: DecodeBuffers, size: int, limits: DecodeLimits, secrets: Secrets) -> None:
    """Fill the columns of series and what they have, and again after growing them."""
    series = int(buffers.tally[SERIES])
    # Nearly every series has one sample and at most one entry of metadata.
    reserve_for(buffers, series, (series, 0, 0, 0))
    run_series_scan(buffers, size, secrets)
    tally = buffers.tally.tolist()
    check_counts(tally, limits)
    found = (tally[SAMPLES], tally[HISTOGRAMS], tally[EXEMPLARS], tally[METADATA])
    if reserve_for(buffers, series, found):
        run_series_scan(buffers, size, secrets)


def reserve_for(buffers: DecodeBuffers, series: int, found: tuple[int, int, int, int]) -> bool:
    """Make room for so many series, and samples, histograms, exemplars and metadata; whether there
    was too little."""
    samples, histograms, exemplars, metadata = found
    short = False
    if series > len(buffers.label_start) or samples > len(buffers.timestamps):
        buffers.reserve_columns(series, samples)
        short = True
    for size, names in (
        (samples, ("starts",)),
        (histograms, ("histogram_places",)),
        (exemplars, ("exemplar_places",)),
        (metadata, METADATA_COLUMNS),
    ):
        if size > len(getattr(buffers, names[0])):
            buffers.reserve(size, *names)
            short = True
    return short


def run_series_scan(buffers: DecodeBuffers, size: int, secrets: Secrets) -> None:
    series, symbols = int(buffers.tally[SERIES]), int(buffers.tally[SYMBOLS])
    result = scan_symbol_series(
        buffers.body, buffers.series_start[:series], buffers.series_end[:series],
        buffers.symbol_start[:symbols], buffers.symbol_length[:symbols], buffers.symbol_hashes,
        secrets.texts, secrets.series_2, buffers.label_start, buffers.label_end,
        buffers.hash_low, buffers.hash_high, buffers.series_problems, buffers.sample_offsets,
        buffers.timestamps, buffers.value_bits, buffers.starts, buffers.histogram_places,
        buffers.exemplar_places, buffers.metadata_rows, buffers.metadata_hashes, buffers.tally,
    )  # fmt: skip
    check_scan(int(result), buffers.tally, size)


def exemplars_of(body: Bytes, places: Int64s, symbols: SymbolSpans) -> RawExemplars:
    """The exemplars whose messages lie at `places`, with Label messages made of their symbols.
    Raises CorruptBody."""
    count = len(places)
    timestamps, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    bits, problems = np.empty(count, np.uint64), np.empty(count, np.int8)
    result = read_exemplars(body, places, symbols.lengths, timestamps, bits, sizes, problems)
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
        problems=problems if problems.any() else None,
    )


def metadata_of(buffers: DecodeBuffers, size: int, count: int, symbols: SymbolSpans) -> RawMetadata:
    """The metadata of the series, as the scan left it."""
    rows = buffers.metadata_rows[:count]
    starts = symbols.starts[rows[:, 1:]]
    spans = np.stack([starts, starts + symbols.lengths[rows[:, 1:]]], axis=2).reshape(count, 6)
    hashes = buffers.metadata_hashes[:count]
    return RawMetadata(
        buffer=buffers.body[:size],
        spans=spans,
        kinds=rows[:, 0].astype(np.int8),
        hash_low=hashes[:, 0].copy(),
        hash_high=hashes[:, 1].copy(),
        named_by_series=True,
    )
