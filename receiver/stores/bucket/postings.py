"""Which series of a block may pass matchers, by its lists of series.

Lists only narrow down what is read: the matchers are tried again on the labels. So a list is left
out where it is longer than the entries of the series that are left without it.

    list   length (u32), number of entries (u32), refs (u32 each), checksum
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from receiver.importing.errors import BlockError
from receiver.stores.bucket.header import PLACE, Header
from receiver.stores.bucket.pages import Brought, Wanted
from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.crc32c import crc32c
from storage.kernels.jit import kernel
from storage.kernels.words import load_byte
from storage.labels.matchers import Matcher, text_test

# What the entry of a series takes in the index, about; lists up to SMALL_BYTES are always read.
SERIES_BYTES, SMALL_BYTES = 256, 64 << 10
Bring = Callable[[Sequence[Wanted]], Brought]


@dataclass(frozen=True, slots=True)
class Lists:
    """Rows of the table whose lists together are the series that have to be, or not to be, among
    those that pass a matcher."""

    rows: Int64s
    bytes: int


@kernel
def read_lists(
    data: Bytes, places: Int64s, ends: Int64s, counts: Int64s, offsets: Int64s, refs: Int64s
) -> int:
    """Fill refs with those of the lists that begin at `places`; the first list whose checksum is
    wrong, or how many there are."""
    base = data.ctypes.data
    for k in range(len(places)):
        content = places[k] + 4
        end = content + 4 + 4 * counts[k]
        wanted = np.uint64(0)
        for j in range(4):
            wanted = wanted << np.uint64(8) | load_byte(base, end + j)
        if crc32c(base, content, end) != wanted:
            return k
        at = content + 4
        for j in range(counts[k]):
            word = np.uint64(0)
            for _ in range(4):
                word = word << np.uint64(8) | load_byte(base, at)
                at += 1
            refs[offsets[k] + j] = np.int64(word)
    return len(places)


def refs_of(header: Header, matchers: Sequence[Matcher], name: str, size: int, bring: Bring) -> (
    Int64s
):  # fmt: skip
    """The refs of series that may pass all matchers, ascending. name, size: of the index. Raises
    BlockError, and what `bring` does."""
    needed: list[Lists] = []
    excluded: list[Lists] = []
    for matcher in matchers:
        test = text_test(matcher)
        values = header.values(matcher.name)
        passes = np.array([test(text.decode("utf-8", "surrogateescape")) for text in values], bool)
        first = header.names.get(matcher.name, (0, 0))[0]
        if test(""):
            rows = first + np.flatnonzero(~passes)
            if len(rows):
                excluded.append(lists_of(header, rows))
        else:
            rows = first + np.flatnonzero(passes)
            if not len(rows):
                return np.zeros(0, np.int64)
            needed.append(lists_of(header, rows))
    if not needed:
        first, end = header.names.get("", (0, 0))
        needed.append(lists_of(header, np.arange(first, end)))

    def read(lists: Lists) -> Int64s:
        return union(header, lists.rows, name, size, bring)

    needed.sort(key=lambda lists: lists.bytes)
    found = read(needed[0])
    for lists in needed[1:]:
        if is_worth_reading(lists, len(found)):
            found = np.intersect1d(found, read(lists), assume_unique=True)
    for lists in excluded:
        if is_worth_reading(lists, len(found)):
            found = np.setdiff1d(found, read(lists), assume_unique=True)
    return found


def is_worth_reading(lists: Lists, left: int) -> bool:
    """left: series that are left without these lists."""
    return left > 0 and lists.bytes <= max(SMALL_BYTES, left * SERIES_BYTES)


def lists_of(header: Header, rows: Int64s) -> Lists:
    places = header.rows[rows, PLACE]
    return Lists(rows, int((header.list_ends[rows] - places).sum()))


def union(header: Header, rows: Int64s, name: str, size: int, bring: Bring) -> Int64s:
    """The refs that are in one of the lists of some rows, ascending."""
    offsets, ends = header.rows[rows, PLACE], header.list_ends[rows]
    brought = bring([Wanted(name, size, offsets, ends)])
    places, run_ends = brought.places(name, offsets)
    counts = number_at(brought.buffer, places + 4)
    inside = (places > 0) & (places + 12 + 4 * counts <= run_ends)
    if not inside.all() or (offsets + 12 + 4 * counts > size).any():
        raise BlockError("a list of series in its index goes beyond its place")
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    refs = np.empty(int(starts[-1]), np.int64)
    sound = read_lists(brought.buffer, places, run_ends, counts, starts[:-1], refs)
    if sound < len(rows):
        raise BlockError(f"a list of series at byte {offsets[sound]} has a wrong checksum")
    return refs if len(rows) == 1 else np.unique(refs)


def number_at(data: Bytes, places: Int64s) -> Int64s:
    """The u32 at each place."""
    parts = (data[places + k].astype(np.int64) << 8 * (3 - k) for k in range(4))
    return reduce(np.bitwise_or, parts, np.zeros(len(places), np.int64))
