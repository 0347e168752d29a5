"""The replica groups of one tenant's series: which series are the same but for replica labels.

Labels of a series never change and series are only added, so what a series belongs to is worked out
once, at the first query after it came. A query picks the numbers of the series that it matched, and
needs no labels for that.

Invariants:
* Position i of a column of numbers belongs to the tenant's i-th series; positions are appended.
* Numbers are compared by their labels in full, so equal hashes never join different series.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np

from storage.kernels.arrays import Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.pairs import LabelPairs, take_pairs
from storage.series.table import SeriesTable

Column = TypeVar("Column", Int32s, UInt64s)

FIRST_ROWS = 64
# Up to so many, ranks are sorted by their 16 bits, ten times as fast.
FEW_RANKS = 1 << 16


@dataclass(frozen=True, slots=True)
class Grouping:
    """Matched series by groups: those of group g were matched as order[members[g]:members[g+1]], in
    the order of their replica labels; groups come in the order of their first series. names: the
    replica labels that some of the series has."""

    order: Int64s
    members: Int64s
    names: tuple[str, ...]


class PairNumbers:
    """Numbers for what series have of some labels, or of all others; equal ones have the same.

    Number 0 is that of series that have none of them.
    """

    def __init__(self, *, inside: bool) -> None:
        """inside: go by the given names, else by all but these."""
        self._inside = inside
        self._numbers: Int32s = np.zeros(FIRST_ROWS, np.int32)
        self._length = 0
        self.count = 1
        self._slots: Int32s = np.zeros(4 * FIRST_ROWS, np.int32)
        self._hashes: UInt64s = np.zeros(2 * FIRST_ROWS, np.uint64)
        self._firsts: Int32s = np.zeros(2 * FIRST_ROWS, np.int32)

    @property
    def view(self) -> Int32s:
        return self._numbers[: self._length]

    @property
    def firsts(self) -> Int32s:
        """Of each number but 0, the ref of the first series that has it."""
        return self._firsts[: self.count]

    def extend(self, pairs: LabelPairs, refs: Int32s, names: Int32s) -> None:
        """Number more series; names: codes."""
        end = self._length + len(refs)
        self._numbers = with_room(self._numbers, end)
        most = self.count + len(refs)
        self._hashes = with_room(self._hashes, most)
        self._firsts = with_room(self._firsts, most)
        if len(self._slots) < 2 * most:
            self._slots = np.zeros(1 << (4 * most - 1).bit_length(), np.int32)
            enter_hashes(self._hashes, self.count, self._slots)
        self.count = number_pairs(
            pairs.offsets, pairs.names, pairs.values, refs, names, self._inside,
            self._slots, self._hashes, self._firsts, self.count, self._numbers[self._length : end],
        )  # fmt: skip
        self._length = end


class ReplicaGroups:
    """The groups of one tenant's series for one set of replica labels. The caller locks."""

    def __init__(self, table: SeriesTable, replica_labels: Sequence[str]) -> None:
        self._table = table
        self._names = tuple(replica_labels)
        self._groups = PairNumbers(inside=False)
        self._replicas = PairNumbers(inside=True)

    def group(self, refs: Int32s, positions: Int64s) -> Grouping | None:
        """The series at these positions by groups, or None if none has a replica label.

        refs: all series of the tenant, of which new ones are numbered now.
        """
        self._extend(refs[len(self._groups.view) :])
        replicas = self._replicas.view[positions]
        if not replicas.any():
            return None
        ranks, names = self._ranks(replicas)
        short = ranks.astype(np.uint16) if self._replicas.count <= FEW_RANKS else ranks
        by_rank = np.argsort(short, kind="stable")
        groups = self._groups.view[positions]
        order, members = arrange(groups, by_rank, self._groups.count)
        return Grouping(order, members, names)

    def _extend(self, refs: Int32s) -> None:
        if not len(refs):
            return
        find = self._table.symbols.find
        # A name that no series has yet is looked for again when there are more series.
        codes = np.array([code for code in map(find, self._names) if code >= 0], np.int32)
        pairs = self._table.pairs
        self._groups.extend(pairs, refs, codes)
        self._replicas.extend(pairs, refs, codes)

    def _ranks(self, replicas: Int32s) -> tuple[Int64s, tuple[str, ...]]:
        """The place of each series' replica labels in their order, and the names that occur."""
        occurs = np.zeros(self._replicas.count, np.bool_)
        occurs[replicas] = True
        distinct = np.flatnonzero(occurs)
        firsts = self._replicas.firsts[distinct].astype(np.int64)
        symbols = Symbols(self._table.symbols)
        labels = LabelFrame(symbols, len(firsts), pairs=take_pairs(self._table.pairs, firsts))
        found = {name: labels.column(name) for name in self._names}
        if distinct[0] == 0:  # it has no first series to read the labels of
            found = {name: np.where(distinct == 0, 0, codes) for name, codes in found.items()}
        labels = LabelFrame(symbols, len(firsts), found)
        ranks = np.zeros(self._replicas.count, np.int64)
        ranks[distinct[labels.order()]] = np.arange(len(distinct))
        return ranks[replicas], tuple(name for name, codes in found.items() if codes.any())


def with_room(column: Column, size: int) -> Column:
    """The column itself, or a copy at least twice as long if it is shorter than `size`."""
    if size <= len(column):
        return column
    grown = np.zeros(max(2 * len(column), size), column.dtype)
    grown[: len(column)] = column
    return cast(Column, grown)


@kernel
def number_pairs(
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    refs: Int32s,
    wanted: Int32s,
    inside: bool,
    slots: Int32s,
    hashes: UInt64s,
    firsts: Int32s,
    count: int,
    out: Int32s,
) -> int:
    """out[i] = the number of what series refs[i] has of the `wanted` names (inside), or of all
    others; returns how many numbers there are then.

    slots: open addressing of numbers by hash, a power of two, at most half full; 0 is free.
    hashes, firsts: of each number, its hash and its first series.
    """
    mask = np.uint64(len(slots) - 1)
    for i in range(len(refs)):
        ref = refs[i]
        h = np.uint64(0x9E3779B97F4A7C15)
        some = False
        for k in range(offsets[ref], offsets[ref + 1]):
            if is_among(names[k], wanted) == inside:
                pair = (np.uint64(np.uint32(names[k])) << np.uint64(32)) | np.uint64(
                    np.uint32(values[k])
                )
                h = (h ^ pair) * np.uint64(0xD6E8FEB86659FD93)
                h ^= h >> np.uint64(32)
                some = True
        if not some:
            out[i] = 0
            continue
        slot = h & mask
        while True:
            number = slots[slot]
            if number == 0:
                number = count
                count += 1
                slots[slot], hashes[number], firsts[number] = number, h, ref
                break
            if hashes[number] == h and same_pairs(
                offsets, names, values, firsts[number], ref, wanted, inside
            ):
                break
            slot = (slot + np.uint64(1)) & mask
        out[i] = number
    return count


@kernel
def is_among(name: int, wanted: Int32s) -> bool:
    found = False
    for k in range(len(wanted)):
        found |= wanted[k] == name
    return found


@kernel
def same_pairs(
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    a: int,
    b: int,
    wanted: Int32s,
    inside: bool,
) -> bool:
    """Whether series a and b agree in the wanted names, or in all others; pairs are sorted."""
    i, i_end = offsets[a], offsets[a + 1]
    k, k_end = offsets[b], offsets[b + 1]
    while True:
        while i < i_end and is_among(names[i], wanted) != inside:
            i += 1
        while k < k_end and is_among(names[k], wanted) != inside:
            k += 1
        if i == i_end or k == k_end:
            return bool(i == i_end and k == k_end)
        if names[i] != names[k] or values[i] != values[k]:
            return False
        i += 1
        k += 1


@kernel
def enter_hashes(hashes: UInt64s, count: int, slots: Int32s) -> None:
    """Enter the numbers 1 to count-1 into free slots."""
    mask = np.uint64(len(slots) - 1)
    for number in range(1, count):
        slot = hashes[number] & mask
        while slots[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = number


@kernel
def arrange(groups: Int32s, by_rank: Int64s, count: int) -> tuple[Int64s, Int64s]:
    """Rows ordered so that each group stands together, groups in the order of their first row, its
    rows as in by_rank: (order, members). groups: numbers below `count`, by row."""
    place = np.zeros(count, np.int32)  # of the group in the result, plus one
    sizes = np.zeros(len(groups) + 1, np.int64)
    found = 0
    for i in range(len(groups)):
        g = groups[i]
        if place[g] == 0:
            found += 1
            place[g] = found
        sizes[place[g]] += 1
    members = np.cumsum(sizes[: found + 1])
    room = members[:found].copy()
    order = np.empty(len(groups), np.int64)
    for k in range(len(by_rank)):
        i = by_rank[k]
        g = place[groups[i]] - 1
        order[room[g]] = i
        room[g] += 1
    return order, members
