"""The metadata of remote write 2.0 requests: numbers of symbols to columns, as a kernel.

    Metadata    type = 1, help_ref = 3, unit_ref = 4

Senders repeat it with every series of every request, and neighbours are mostly of one family.
"""

import numpy as np

from receiver.wire.label_hash import combine_entry
from receiver.wire.scan import MESSAGE_END, MESSAGE_START, OWNER, SCANNED
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import VARINT, WRONG_WIRE_TYPE, is_mistyped, read_field, tag_of
from storage.kernels.words import Place, load_byte, load_word
from storage.reasons import BAD_REFERENCE

KIND, HELP, UNIT = tag_of(1, VARINT), tag_of(3, VARINT), tag_of(4, VARINT)
KINDS = np.uint64(8)


@kernel_part
def scan_metadata(
    base: Place, start: Place, end: Place
) -> tuple[np.uint64, np.uint64, np.uint64, Place, Place]:
    """(kind, help symbol, unit symbol, error, place of the error) of the message at start:end."""
    kind = about = unit = np.uint64(0)
    place = start
    while place < end:
        tag, word, _, after = read_field(base, place, end)
        if after < 0:
            return kind, about, unit, -after, place
        if tag == KIND:
            kind = word if word < KINDS else np.uint64(0)
        elif tag == HELP:
            about = word
        elif tag == UNIT:
            unit = word
        elif is_mistyped(tag, KIND) or is_mistyped(tag, HELP) or is_mistyped(tag, UNIT):
            return kind, about, unit, WRONG_WIRE_TYPE, place
        place = after
    return kind, about, unit, SCANNED, place


@kernel_part
def hash_entry(
    kind: np.uint64,
    metric: np.uint64,
    about: np.uint64,
    unit: np.uint64,
    hashes: Place,
    keys: Place,
) -> tuple[np.uint64, np.uint64]:
    """The hash of a metadata entry of symbols, as receiver.wire.v1.metadata hashes its texts."""
    low = high = kind
    for symbol in (metric, about, unit):
        text_low = load_word(hashes, 16 * np.int64(symbol))
        text_high = load_word(hashes, 16 * np.int64(symbol) + 8)
        low, high = combine_entry(low, high, text_low, text_high, keys)
    return low, high


@kernel_part
def same_bytes(base: Place, a: Place, a_end: Place, b: Place, b_end: Place) -> bool:
    """Whether two messages are equal, byte for byte."""
    same = a_end - a == b_end - b
    k = 0
    while same and a + k < a_end:
        same = load_byte(base, a + k) == load_byte(base, b + k)
        k += 1
    return same


@kernel
def read_metadata(
    buffer: Bytes,
    places: Int64s,
    metrics: Int64s,
    lengths: Int64s,
    symbol_hashes: UInt64s,
    secret: UInt64s,
    reasons: Int8s,
    rows: Int64s,
    hashes: UInt64s,
) -> tuple[Place, Place]:
    """Read the metadata of the series at `places` into rows, [kind, symbol of the metric name, of
    the help, of the unit], and hashes, [low, high].

    metrics, reasons: of the series; one whose metadata names a wrong symbol is refused. lengths:
    of the symbols. Entries that say nothing, or the same as the one before, are left out. Returns
    (SCANNED, the number of entries) or (an error, its place).
    """
    base, keys, hashes_at = buffer.ctypes.data, secret.ctypes.data, symbol_hashes.ctypes.data
    symbols = np.uint64(len(lengths))
    last_start = last_end = np.int64(0)
    last_metric = np.int64(-1)
    kept = 0
    for m in range(len(places)):
        series, start, end = places[m, OWNER], places[m, MESSAGE_START], places[m, MESSAGE_END]
        metric = metrics[series]
        if metric == last_metric and same_bytes(base, last_start, last_end, start, end):
            continue
        kind, about, unit, error, error_place = scan_metadata(base, start, end)
        if error != SCANNED:
            return error, error_place
        if end > start and max(about, unit) >= symbols:
            reasons[series] = BAD_REFERENCE
        if reasons[series] != 0 or metric < 0 or lengths[metric] == 0 or symbols == 0:
            continue
        last_metric, last_start, last_end = metric, start, end
        if kind == 0 and lengths[np.int64(about)] == 0 and lengths[np.int64(unit)] == 0:
            continue
        rows[kept, 0], rows[kept, 1], rows[kept, 2], rows[kept, 3] = kind, metric, about, unit
        hashes[kept, 0], hashes[kept, 1] = hash_entry(
            kind, np.uint64(metric), about, unit, hashes_at, keys
        )
        kept += 1
    return SCANNED, kept
