"""The labels of remote write 2.0 series, which are numbers of symbols in pairs.

A text is looked at once a request, however many series name it: a request of a few bytes can name a
long text a million times. Sorting compares ranks of names, and only the texts of accepted series
are interned.

Invariant: the references of a series that is not refused are pairs, and within the symbols; the
decoder has marked the others.
"""

from dataclasses import dataclass

import numpy as np

from storage.batch import Batch, SymbolSpans
from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import LENGTH, VARINT, read_field, read_varint, tag_of
from storage.kernels.words import Place
from storage.labels.wire import is_utf8
from storage.reasons import (
    DUPLICATE_NAME,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    OK,
    TOO_MANY_LABELS,
)
from storage.series.label_spans import LabelSpans

# Packed, and one by one.
REFERENCES, REFERENCE = tag_of(1, LENGTH), tag_of(1, VARINT)
# Series are registered in runs of so many references, so that few bytes on the wire do not become
# gigabytes of columns.
REFERENCES_AT_ONCE = 1 << 20
METRIC_NAME = b"__name__"


@dataclass(frozen=True, slots=True)
class SymbolPairs:
    """Label pairs by symbol: series k has names[offsets[k]:offsets[k+1]], sorted by text."""

    offsets: Int64s
    names: Int32s
    values: Int32s


@kernel
def read_references(
    buffer: Bytes, starts: Int64s, ends: Int64s, items: Int64s, references: Int32s, counts: Int64s
) -> None:
    """counts[k] = how many references the fields labels_refs of series items[k] hold.

    references: takes them one after another, as many as fit.
    """
    base = buffer.ctypes.data
    used = 0
    for k in range(len(items)):
        place: Place = starts[items[k]]
        end = ends[items[k]]
        count = 0
        while place < end:
            tag, _, first, stop = read_field(base, place, end)
            place = stop
            if tag not in (REFERENCES, REFERENCE):
                first = stop
            while 0 <= first < stop:
                word, first = read_varint(base, first, stop)
                if used < len(references):
                    references[used] = word
                used += 1
                count += 1
        counts[k] = count


@kernel
def check_texts(
    buffer: Bytes, starts: Int64s, lengths: Int64s, bytes_max: int, symbol_reasons: Int64s
) -> None:
    """symbol_reasons[s] = why no label may have the text s, or OK."""
    base = buffer.ctypes.data
    for s in range(len(starts)):
        symbol_reasons[s] = OK
        if lengths[s] > bytes_max:
            symbol_reasons[s] = LABEL_TOO_LONG
        elif not is_utf8(base, starts[s], lengths[s]):
            symbol_reasons[s] = NOT_UTF8


@kernel
def arrange_pairs(
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    ranks: Int64s,
    symbol_reasons: Int64s,
    lengths: Int64s,
    metric_rank: int,
    reasons: Int64s,
    counts: Int64s,
) -> int:
    """Sort and check the label pairs of each series in place and close the gaps of what is left
    out: refused series and empty values.

    ranks: the place of a name's text among all names; symbol_reasons, lengths: by symbol.
    counts[k]: the pairs kept of series k. Returns the number of pairs kept.
    """
    used = 0
    for k in range(len(offsets) - 1):
        first, end = offsets[k], offsets[k + 1]
        counts[k] = 0
        if reasons[k] != OK:
            continue
        for i in range(first + 1, end):
            at = i
            while at > first and ranks[names[at - 1]] > ranks[names[at]]:
                names[at - 1], names[at] = names[at], names[at - 1]
                values[at - 1], values[at] = values[at], values[at - 1]
                at -= 1
        named = False
        reason = OK
        for i in range(first, end):
            name, value = names[i], values[i]
            bad = max(symbol_reasons[name], symbol_reasons[value])
            if bad != OK or lengths[name] == 0:
                reason = bad if bad != OK else EMPTY_NAME
                break
            if i > first and ranks[names[i - 1]] == ranks[name]:
                reason = DUPLICATE_NAME
                break
            named = named or (ranks[name] == metric_rank and lengths[value] > 0)
        if reason == OK and not named:
            reason = NO_METRIC_NAME
        reasons[k] = reason
        for i in range(first, end if reason == OK else first):
            if lengths[values[i]] > 0:
                names[used], values[used] = names[i], values[i]
                used += 1
                counts[k] += 1
    return used


def runs_of_items(batch: Batch, items: Int64s, references: int) -> list[Int64s]:
    """The items in runs of about so many references."""
    # A reference takes a byte or more.
    sizes = np.cumsum(batch.label_end[items] - batch.label_start[items])
    runs = sizes // references
    return np.split(items, np.flatnonzero(np.diff(runs)) + 1)


def read_symbol_labels(
    batch: Batch, symbols: SymbolSpans, items: Int64s, limits: tuple[int, int]
) -> LabelSpans:
    """The checked labels of the series `items`; limits: labels a series and bytes a text may
    have."""
    reasons = np.zeros(len(items), np.int64)
    pairs = read_pairs(batch, symbols, items, reasons, limits)
    counts = np.zeros(len(items), np.int64)
    counts[reasons == OK] = np.diff(pairs.offsets)
    both = np.stack([pairs.names, pairs.values], axis=1, dtype=np.int64)
    spans = np.stack([symbols.starts[both], symbols.lengths[both]], axis=2).reshape(-1, 4)
    return LabelSpans(batch.buffer, spans, counts, reasons, both)


def read_pairs(
    batch: Batch, symbols: SymbolSpans, items: Int64s, reasons: Int64s, limits: tuple[int, int]
) -> SymbolPairs:
    """The checked label pairs of those of the items that are accepted; the reasons of the others
    are set. reasons: int64 for each item, OK but for those refused already."""
    labels_max, bytes_max = limits
    counts = np.empty(len(items), np.int64)
    none = np.empty(0, np.int32)
    read_references(batch.buffer, batch.label_start, batch.label_end, items, none, counts)
    reasons[(counts > 2 * labels_max) & (reasons == OK)] = TOO_MANY_LABELS
    sound = np.flatnonzero(reasons == OK)
    references = np.empty(int(counts[sound].sum()), np.int32)
    counts = counts[sound]
    read_references(
        batch.buffer, batch.label_start, batch.label_end, items[sound], references, counts
    )
    names, values = references[0::2].copy(), references[1::2].copy()
    offsets = np.concatenate([[0], np.cumsum(counts // 2)])
    symbol_reasons = np.empty(len(symbols.starts), np.int64)
    check_texts(batch.buffer, symbols.starts, symbols.lengths, bytes_max, symbol_reasons)
    ranks, metric_rank = rank_names(batch.buffer, symbols, names)
    found = reasons[sound]
    used = arrange_pairs(
        offsets, names, values, ranks, symbol_reasons, symbols.lengths, metric_rank, found, counts
    )
    reasons[sound] = found
    kept = np.concatenate([[0], np.cumsum(counts[found == OK])])
    return SymbolPairs(kept, names[:used], values[:used])


def rank_names(buffer: Bytes, symbols: SymbolSpans, names: Int32s) -> tuple[Int64s, int]:
    """int64 for each symbol: the place of its text among the texts of all names; and the place of
    __name__, or -1. Equal texts have one place."""
    ranks = np.full(len(symbols.starts), -1, np.int64)
    used = np.flatnonzero(np.bincount(names))
    starts, lengths = symbols.starts[used].tolist(), symbols.lengths[used].tolist()
    texts = [buffer[s : s + n].tobytes() for s, n in zip(starts, lengths, strict=True)]
    places = {text: place for place, text in enumerate(sorted(set(texts)))}
    ranks[used] = [places[text] for text in texts]
    return ranks, places.get(METRIC_NAME, -1)


def label_spans(batch: Batch, symbols: SymbolSpans, series: int, count: int) -> Int64s:
    """[name start, name length, value start, value length] of the first `count` labels of a series
    as they came; references behind the symbols end it."""
    references = np.empty(2 * count, np.int32)
    counts = np.empty(1, np.int64)
    item = np.array([series])
    read_references(batch.buffer, batch.label_start, batch.label_end, item, references, counts)
    found = references[: min(int(counts[0]), 2 * count)]
    wrong = np.flatnonzero((found < 0) | (found >= len(symbols.starts)))
    found = found[: int(wrong[0]) if len(wrong) else len(found)]
    pairs = found[: len(found) // 2 * 2].reshape(-1, 2)
    return np.stack([symbols.starts[pairs], symbols.lengths[pairs]], axis=2).reshape(-1, 4)
