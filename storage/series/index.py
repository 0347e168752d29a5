"""The series index of one tenant: matchers -> refs, over label columns.

The columns are derived from the series table and made when a query first names a label; after that
they only grow by the series that are new. A matcher is evaluated once per distinct value of its
label and becomes a mask over codes. What a selector matched is kept, so that the next query
evaluates its matchers only over series that are new by then.

Invariants:
* Position i of every column belongs to refs[i]; positions are only appended.
* A matcher sees a missing label as the empty value.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from storage.kernels.arrays import Bools, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stops import holding, look, pieces
from storage.labels.frames import NO_QUERY, LabelFrame, Symbols
from storage.labels.matchers import Matcher, anchored, text_test
from storage.labels.numbering import distinct_codes
from storage.labels.pairs import ROWS_AT_ONCE, PickedPairs, pick_column, take_pairs
from storage.series.matches import Match, Matches
from storage.series.replica_groups import Grouping, ReplicaGroups
from storage.series.table import SeriesTable

# Labels that queries name are few; a tenant that uses more than these has some columns rebuilt.
COLUMNS_KEPT_MAX = 64
# Sets of replica labels that queries name; nearly always there is one.
GROUPINGS_KEPT_MAX = 4
FIRST_ROWS = 64
# From so many series on, if they are this share of a tenant's, its columns are looked at.
MANY_ROWS, MANY_SHARE = 1 << 14, 8
# So many texts, and more, are tested in compiled code; between two looks so many.
TEXTS_MIN, TEXTS_AT_ONCE = 1 << 10, 1 << 14


class GrowingColumn:
    """An int32 column that is appended to, with room to spare."""

    def __init__(self) -> None:
        self._data: Int32s = np.zeros(FIRST_ROWS, np.int32)
        self.length = 0

    def extend(self, count: int) -> Int32s:
        """Append `count` zeros and return a view of them, to be filled in."""
        if self.length + count > len(self._data):
            grown = np.zeros(max(2 * len(self._data), self.length + count), np.int32)
            grown[: self.length] = self._data[: self.length]
            self._data = grown
        self.length += count
        return self._data[self.length - count : self.length]

    @property
    def view(self) -> Int32s:
        return self._data[: self.length]


class IdOrder:
    """The order of series by id, found once and kept: new ones are put in their places."""

    def __init__(self) -> None:
        self._places: Int32s = np.zeros(0, np.int32)

    def of(self, ids: Int64s, refs: Int32s) -> Int32s:
        """Positions in refs, which only grow, by ascending id."""
        known = len(self._places)
        if known < len(refs):
            new = np.argsort(ids[refs[known:]], kind="stable").astype(np.int32) + known
            at = np.searchsorted(ids[refs[self._places]], ids[refs[new]])
            self._places = np.insert(self._places, at, new).astype(np.int32, copy=False)
        return self._places


class TenantIndex:
    """The series of one tenant in one shard."""

    def __init__(
        self,
        table: SeriesTable,
        tenant: int,
        matches: Matches | None = None,
        *,
        columns_kept: int = COLUMNS_KEPT_MAX,
    ) -> None:
        """matches: those of the shard, which its tenants share room in."""
        self._table = table
        self._tenant = tenant
        self._matches = Matches() if matches is None else matches
        self._columns_kept = columns_kept
        self._lock = threading.Lock()
        self._seen = 0  # refs of the table that were looked at
        self._refs = GrowingColumn()
        self._columns: OrderedDict[int, GrowingColumn] = OrderedDict()
        self._order = IdOrder()
        self._names: Int32s = np.zeros(0, np.int32)  # codes of those of the first `_named` refs
        self._named = 0
        self._groupings: OrderedDict[tuple[str, ...], ReplicaGroups] = OrderedDict()

    @property
    def table(self) -> SeriesTable:
        """The table whose refs it finds."""
        return self._table

    def __len__(self) -> int:
        """How many series of the tenant have been looked at."""
        return self._refs.length

    def match(self, matchers: Sequence[Matcher]) -> Match:
        """The series that pass all matchers."""
        key = (self._tenant, *matchers)
        known = self._matches.find(key)
        if known is not None and self._table.numbered == self._seen and known.seen == len(self):
            return known  # without the lock, which others hold while they look at many series
        with holding(self._lock):
            refs = self._all_refs()
            seen = 0 if known is None else known.seen
            if known is not None and seen >= len(refs):
                return known
            passing = self._passing(matchers, refs, seen)
        match = self._extended(known, passing.astype(np.int64), len(refs))
        self._matches.keep(key, match)
        return match

    def _extended(self, known: Match | None, passing: Int64s, seen: int) -> Match:
        """What is known already with the new refs that pass."""
        if known is not None and not len(passing):
            return Match(known.refs, known.labels, seen)
        refs = passing if known is None else np.concatenate([known.refs, passing])
        ids = self._table.ids[refs]
        if (ids[1:] < ids[:-1]).any():
            refs = self._by_id(refs, ids)
        return Match(refs, self.frame(refs, NO_QUERY), seen)

    def _by_id(self, refs: Int64s, ids: Int64s) -> Int64s:
        """The refs in the order of their ids. Where they are many, that of all is known."""
        if not self.has(refs):
            return refs[np.argsort(ids, kind="stable")]
        with holding(self._lock):
            known = self._all_refs()
            wanted = np.zeros(len(known), np.bool_)
            wanted[self._positions(known, refs)] = True
            order = self._order.of(self._table.ids, known)
            return known[order[wanted[order]]].astype(np.int64)

    def frame(self, refs: Int64s, symbols: Symbols) -> LabelFrame:
        """The labels of these series."""
        return LabelFrame(symbols, len(refs), pairs=PickedPairs(self._table.pairs, refs, self))

    def has(self, rows: Int64s) -> bool:
        """Whether these refs are so many that it pays to have columns of all."""
        return len(rows) >= MANY_ROWS and len(rows) * MANY_SHARE >= len(self)

    def name_codes(self) -> Int32s:
        """The codes of all label names that series of the tenant have."""
        with holding(self._lock):
            refs = self._all_refs()
            while self._named < len(refs):
                look()
                rows = refs[self._named : self._named + ROWS_AT_ONCE].astype(np.int64)
                own = distinct_codes(take_pairs(self._table.pairs, rows).names)
                self._names = np.union1d(self._names, own).astype(np.int32)
                self._named += len(rows)
            return self._names

    def fill(self, name_code: int, rows: Int64s, out: Int32s) -> bool:
        """out[i] = the value code that ref rows[i] has for a name, from the column of all; False if
        there is none and it would not pay."""
        if name_code >= len(self._table.symbols):  # no series has it
            return True
        with holding(self._lock):
            if name_code not in self._columns and not self.has(rows):
                return False
            known = self._all_refs()
            column = self._column(name_code, known)
            np.take(column, self._positions(known, rows), out=out, mode="clip")
        return True

    def group(self, refs: Int64s, replica_labels: tuple[str, ...]) -> Grouping | None:
        """These series by groups that are equal but for the replica labels, in the order of `refs`;
        None if none of them has a replica label."""
        with holding(self._lock):
            known = self._all_refs()
            groups = self._groupings.get(replica_labels)
            if groups is None:
                groups = self._groupings[replica_labels] = ReplicaGroups(
                    self._table, replica_labels
                )
                if len(self._groupings) > GROUPINGS_KEPT_MAX:
                    self._groupings.popitem(last=False)
            self._groupings.move_to_end(replica_labels)
            return groups.group(known, self._positions(known, refs))

    @staticmethod
    def _positions(known: Int32s, refs: Int64s) -> Int64s:
        if len(known) and known[-1] == len(known) - 1:  # a shard of this tenant only
            return refs
        return np.searchsorted(known, refs).astype(np.int64)

    def _all_refs(self) -> Int32s:
        count = self._table.numbered
        if count > self._seen:
            new = np.flatnonzero(self._table.tenants[self._seen : count] == self._tenant)
            self._refs.extend(len(new))[:] = new + self._seen
            self._seen = count
        return self._refs.view

    def _passing(self, matchers: Sequence[Matcher], refs: Int32s, first: int) -> Int32s:
        """Those of refs[first:] that pass all matchers."""
        if not matchers:
            return refs[first:].copy()
        passes = self._passes(matchers[0], refs, first)
        for matcher in matchers[1:]:
            passes &= self._passes(matcher, refs, first)
        return refs[first:][np.flatnonzero(passes)]

    def _passes(self, matcher: Matcher, refs: Int32s, first: int) -> Bools:
        """Whether each of refs[first:] passes."""
        code = self._table.symbols.find(matcher.name)
        if code < 0:  # no series of the shard has this label
            return np.full(len(refs) - first, text_test(matcher)(""))
        codes = self._column(code, refs)[first:]
        if matcher.op in ("=", "!="):
            wanted = self._table.symbols.find(matcher.value)
            passes: Bools = codes == wanted if matcher.op == "=" else codes != wanted
            return passes
        passes = allowed_codes(self._table, matcher, codes)[codes]
        return passes

    def _column(self, name_code: int, refs: Int32s) -> Int32s:
        column = self._columns.get(name_code)
        if column is None:
            column = self._columns[name_code] = GrowingColumn()
            if len(self._columns) > self._columns_kept:
                self._columns.popitem(last=False)
        self._columns.move_to_end(name_code)
        table = self._table
        while column.length < len(refs):
            look()
            rows = refs[column.length : column.length + ROWS_AT_ONCE]
            added = column.extend(len(rows))
            pick_column(table.offsets, table.names, table.values, rows, name_code, added)
        return column.view


def allowed_codes(table: SeriesTable, matcher: Matcher, codes: Int32s) -> Bools:
    """For each code up to the largest of `codes`: does its text pass? Only those that occur
    count."""
    occurs = np.zeros(int(codes.max(initial=0)) + 1, np.bool_)
    mark_codes(codes, occurs)
    distinct = np.flatnonzero(occurs)
    allowed = np.zeros(len(occurs), np.bool_)
    pattern = anchored(matcher.value)
    if len(distinct) > TEXTS_MIN and pattern is not None:
        texts, wanted = table.symbols.as_arrow(), matcher.op == "=~"
        for part in pieces(len(distinct), TEXTS_AT_ONCE):
            found = pc.match_substring_regex(texts.take(distinct[part]), pattern)
            allowed[distinct[part]] = found.to_numpy(zero_copy_only=False) == wanted
        return allowed
    passes = text_test(matcher)
    text = table.symbols.text
    allowed[distinct] = [passes(text(code)) for code in distinct.tolist()]
    return allowed


@kernel
def mark_codes(codes: Int32s, occurs: Bools) -> None:
    """occurs[c] = True for every code c of the column."""
    for i in range(len(codes)):
        occurs[codes[i]] = True
