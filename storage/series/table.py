"""The series of one shard: label bytes -> ref -> 64-bit series id.

A `ref` is a series' dense number in memory; its series id (storage/series/numbers.py) is stable
across head, segments and restarts. Series that nothing holds any more are forgotten by making
another table of the others, with refs of their own (storage/series/refs.py).

Invariants:
* Two different label sets of a tenant never share a ref, nor a series id.
* In a table, a ref and its labels never change; new ones are appended by the shard's writer only.
* Refs below `numbered` have their series ids; readers look at no others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from storage.batch import Batch
from storage.errors import CorruptBatch, LimitExceeded
from storage.kernels.arrays import NO_SERIES, Int32s, Int64s, UInt64s
from storage.kernels.memory import reserve
from storage.labels.matchers import METRIC_NAME
from storage.labels.pairs import LabelPairs, take_pairs
from storage.labels.wire import count_labels_of, read_labels
from storage.options import StorageOptions
from storage.reasons import (
    CORRUPT,
    DROPPED_REF,
    OK,
    TABLE_FULL,
    TENANT_SERIES_LIMIT,
    TOO_MANY_LABELS,
    TOO_MANY_METRICS,
)
from storage.series.hash_cache import NO_REPLICAS, HashCache
from storage.series.kernels import enter_labelsets, find_or_add_labelsets
from storage.series.label_spans import LabelSpans, obey
from storage.series.numbers import TENANT_BITS, SeriesNumbers
from storage.series.replica_labels import ReplicaLabels
from storage.series.symbol_labels import REFERENCES_AT_ONCE, read_symbol_labels, runs_of_items
from storage.series.symbols import FIRST_SLOTS, SymbolTable, fill_slots, slots_for
from storage.tenants.rules import NO_RULES, TenantRules

NEVER_MS = np.iinfo(np.int64).min  # the last timestamp of a series that has no sample yet
PAIRS_PER_SERIES = 32  # on average, over all series; senders have 6 to 15
NEW_SERIES_MAX = 1 << 62


@dataclass(frozen=True, slots=True)
class TableLimits:
    """raw_spare: entries of the raw table beyond two a series, before it is emptied; references: of
    symbols that are looked at together."""

    raw_spare: int = 1 << 20
    references: int = REFERENCES_AT_ONCE


TABLE_LIMITS = TableLimits()


@dataclass(frozen=True, slots=True)
class Registration:
    """What registering obeys for one request.

    room(n): how many of n new series the tenant may get; left_out: positions in the batch of the
    series that were refused for lack of room when a request from the log was new. clusters_max:
    how many HA clusters it may have, 0 for any number. replicas: takes the replica of each series,
    a hash, 0 for none; needed where rules.ha is given.
    """

    rules: TenantRules = NO_RULES
    room: Callable[[int], int] | None = None
    left_out: Int64s = field(default_factory=lambda: NO_SERIES)
    clusters_max: int = 0
    replicas: UInt64s = field(default_factory=lambda: NO_REPLICAS)


FREE_REGISTRATION = Registration()


@dataclass(frozen=True, slots=True)
class RestoredSeries:
    """Series read back from segments, all of one tenant: ids, label pairs, newest samples.

    last_keys: the bits of the newest value, or the fingerprint of the newest histogram.
    """

    tenant: int
    ids: Int64s
    pairs: LabelPairs
    last_ms: Int64s
    last_keys: UInt64s


@dataclass(frozen=True, slots=True)
class Succession:
    """The table that takes the place of another one. old_refs: by new ref; new_refs: by old ref,
    -1 for series that are forgotten."""

    table: "SeriesTable"
    old_refs: Int64s
    new_refs: Int32s


class SeriesTable:
    """All series of a shard and the two tables that find them."""

    def __init__(self, options: StorageOptions, limits: TableLimits = TABLE_LIMITS) -> None:
        self._options = options
        self._limits = limits
        size = options.series_max
        self.generation = 0
        self.symbols = SymbolTable(options.symbol_bytes_max)
        self._name_code = -1
        self.offsets: Int64s = reserve(size + 1, np.int64)
        self.names: Int32s = reserve(size * PAIRS_PER_SERIES, np.int32)
        self.values: Int32s = reserve(size * PAIRS_PER_SERIES, np.int32)
        self.tenants: Int32s = reserve(size, np.int32)
        self.ids: Int64s = reserve(size, np.int64)
        self.last_ms: Int64s = reserve(size, np.int64)
        self.last_bits: UInt64s = reserve(size, np.uint64)
        self._hashes: UInt64s = reserve(size, np.uint64)
        self._slots: Int32s = np.zeros(FIRST_SLOTS, np.int32)
        self._state = np.zeros(1, np.int64)
        self.numbered = 0
        self._numbers = SeriesNumbers()
        self._tenant_counts: dict[int, int] = {}
        self._replica_labels = ReplicaLabels()
        self._raw = HashCache(dropped=DROPPED_REF)
        # Raw entries of a tenant count for one epoch of its rules about labels only.
        self._epochs: dict[int, tuple[tuple[object, ...], int]] = {}
        self.succession: Succession | None = None  # set once another table takes its place

    def __len__(self) -> int:
        return int(self._state[0])

    @property
    def pairs(self) -> LabelPairs:
        """The labels of all series; position i is ref i."""
        count = len(self)
        return LabelPairs(self.offsets[: count + 1], self.names, self.values)

    def resolve(self, batch: Batch, tenant: int, entry: Registration = FREE_REGISTRATION) -> Int32s:
        """The ref of each series of the batch, int32[series]; -1 - reason where it is refused or
        dropped.

        Registers unknown series. Raises CorruptBatch if label bytes are damaged; then some series
        of the batch may have been registered, which is harmless: they have no samples.
        """
        raw_tenant = self._raw_tenant(tenant, entry.rules)
        refs, items = self._raw.find(raw_tenant, batch.hash_low, batch.hash_high, entry.replicas)
        if batch.series_reasons is not None:
            # The hash of such a series says nothing.
            refs = np.where(batch.series_reasons == OK, refs, -1 - batch.series_reasons)
            items = items[batch.series_reasons[items] == OK]
        if len(entry.left_out):
            items = np.setdiff1d(items, entry.left_out)
            refs[entry.left_out] = -1 - TENANT_SERIES_LIMIT
        if not len(items):
            return refs
        runs = [items]
        if batch.symbols is not None:
            runs = runs_of_items(batch, items, self._limits.references)
        for run in runs:
            self._register(batch, tenant, run, refs, entry=entry)
            self._remember_raw(batch, raw_tenant, run, refs, replicas=entry.replicas)
        return refs

    def registered(self, tenant: int) -> int:
        """How many series of a tenant are known."""
        return self._tenant_counts.get(tenant, 0)

    def _raw_tenant(self, tenant: int, rules: TenantRules) -> int:
        """What stands for the tenant in raw hashes. Another one after its rules have changed, so
        that all of its series are looked at again."""
        obeyed, epoch = self._epochs.get(tenant, (NO_RULES.of_labels, 0))
        if rules.of_labels != obeyed:
            epoch += 1
            self._epochs[tenant] = (rules.of_labels, epoch)
        return tenant | epoch << TENANT_BITS

    def restore(self, series: RestoredSeries) -> Int32s:
        """Take over series whose ids are fixed already; returns their refs."""
        first_new = len(self)
        refs = self._find_or_add(series.tenant, series.pairs)
        new = refs >= first_new
        self.ids[refs[new]] = series.ids[new]
        self.last_ms[refs] = np.maximum(self.last_ms[refs], NEVER_MS)
        newer = new | (series.last_ms > self.last_ms[refs])
        self.last_ms[refs[newer]] = series.last_ms[newer]
        self.last_bits[refs[newer]] = series.last_keys[newer]
        added = refs[new]
        self._numbers.restore(series.tenant, self.ids[added], self.metric_names(added))
        self.numbered = len(self)
        return refs

    def ensure(self, tenant: int, pairs: LabelPairs) -> Int32s:
        """The refs of series with these labels, whose texts are known; those that are not there are
        added. Raises LimitExceeded if there is no room. For the shard's writer."""
        count = len(pairs.offsets) - 1
        used = int(self.offsets[len(self)]) + len(pairs.names)
        if len(self) + count > len(self.ids) or used > len(self.names):
            raise LimitExceeded(
                f"{len(self)} series are known, and {count} more would be; at most "
                f"{len(self.ids)} may be, with {len(self.names)} labels (storage.max-series)"
            )
        return self._add_series(tenant, pairs, NEW_SERIES_MAX)

    def renewed(self, kept: Int64s) -> "Succession":
        """Another table that has these of the series, in their order, by refs of its own. This one
        must not be written to any more. For the shard's writer; takes as long as copying."""
        count, pairs = len(kept), take_pairs(self.pairs, kept)
        used = np.zeros(len(self.symbols), np.bool_)
        used[0] = used[pairs.names] = used[pairs.values] = True
        fresh = SeriesTable(self._options, self._limits)
        fresh.symbols, codes = self.symbols.renewed(used)
        fresh.offsets[: count + 1] = pairs.offsets
        fresh.names[: len(pairs.names)] = codes[pairs.names]
        fresh.values[: len(pairs.names)] = codes[pairs.values]
        for name in ("tenants", "ids", "last_ms", "last_bits"):
            getattr(fresh, name)[:count] = getattr(self, name)[kept]
        fresh._slots = np.zeros(slots_for(count), np.int32)
        enter_labelsets(
            fresh.tenants, fresh.offsets, fresh.names, fresh.values, count, fresh._slots,
            fresh._hashes,
        )  # fmt: skip
        fresh._state[0] = fresh.numbered = count
        tenants, counts = np.unique(fresh.tenants[:count], return_counts=True)
        fresh._tenant_counts = dict(zip(tenants.tolist(), counts.tolist(), strict=True))
        names = fresh.metric_names(np.arange(count))
        fresh._numbers = self._numbers.renewed(codes, fresh.ids[:count], names)
        fresh._replica_labels, fresh._epochs = self._replica_labels, self._epochs
        new_refs = np.full(len(self), -1, np.int32)
        new_refs[kept] = np.arange(count, dtype=np.int32)
        fresh._raw = self._raw.renewed(new_refs)
        fresh.generation = self.generation + 1
        return Succession(fresh, kept, new_refs)

    def _register(
        self, batch: Batch, tenant: int, items: Int64s, refs: Int32s, *, entry: Registration
    ) -> None:
        """Resolve the series `items` of a batch by their labels, the slow and exact way."""
        found = obey(self._read_labels(batch, items), entry.rules, self._options)
        ha, origins = entry.rules.ha, None
        if ha is not None:
            origins = self._replica_labels.take(found, tenant, ha, entry.clusters_max)
        new_max = NEW_SERIES_MAX
        if entry.room is not None:
            new_max = entry.room(len(items))
            self._refuse_unknown(found, new_max)
        reasons = found.reasons
        pairs = self._intern(found)
        if pairs is None:
            refs[items] = np.where(reasons == 0, -1 - TABLE_FULL, -1 - reasons)
            return
        accepted = np.flatnonzero(reasons == 0)
        pairs, dropped = self._within_metric_limit(tenant, pairs)
        reasons[accepted[dropped]] = TOO_MANY_METRICS
        accepted = np.delete(accepted, dropped)
        refs[items] = -1 - reasons
        refs[items[accepted]] = self._add_series(tenant, pairs, new_max)
        if origins is not None:
            entry.replicas[items] = origins.replicas
            self._replica_labels.note(tenant, origins.clusters[refs[items] >= 0])

    def _intern(self, found: LabelSpans) -> LabelPairs | None:
        """The labels of the accepted series by their codes; None: there is no room for them."""
        texts = found.texts()
        fits = self.symbols.has_room(len(texts.starts), int(texts.lengths.sum())) and (
            len(self) + len(found.counts) <= len(self.ids)
            and int(self.offsets[len(self)]) + len(found.spans) <= len(self.names)
        )
        if not fits:
            return None
        codes = self.symbols.intern(found.buffer, texts.starts, texts.lengths)[texts.places]
        offsets = np.concatenate([[0], np.cumsum(found.counts[found.reasons == 0])])
        return LabelPairs(offsets, codes[0::2].copy(), codes[1::2].copy())

    def _refuse_unknown(self, found: LabelSpans, new_max: int) -> None:
        """Refuse series with texts that no one has used yet, but for new_max of them: what is not
        to be registered must not fill the symbol table either."""
        if new_max >= len(found.counts):
            return
        texts = found.texts()
        codes = self.symbols.find_all(found.buffer, texts.starts, texts.lengths)[texts.places]
        is_new = np.zeros(len(found.counts), np.bool_)
        is_new[found.owners()[codes.reshape(-1, 2).min(axis=1) < 0]] = True
        is_new[np.flatnonzero(is_new)[:new_max]] = False
        found.refuse(is_new, TENANT_SERIES_LIMIT)

    def _read_labels(self, batch: Batch, items: Int64s) -> LabelSpans:
        """The checked labels of the items."""
        if batch.symbols is not None:
            limits = (self._options.labels_per_series_max, self._options.label_bytes_max)
            return read_symbol_labels(batch, batch.symbols, items, limits)
        return self._read_spans(batch, items)

    def _read_spans(self, batch: Batch, items: Int64s) -> LabelSpans:
        """The checked labels of the items, from their Label messages."""
        reasons = np.zeros(len(items), np.int64)
        counts = np.empty(len(items), np.int64)
        count_labels_of(batch.buffer, batch.label_start, batch.label_end, items, counts)
        reasons[counts > self._options.labels_per_series_max] = TOO_MANY_LABELS
        reasons[counts < 0] = CORRUPT
        spans = np.empty((int(counts[reasons == 0].sum()), 4), np.int64)
        used = read_labels(
            batch.buffer, batch.label_start, batch.label_end, items,
            self._options.label_bytes_max, counts, spans, reasons,
        )  # fmt: skip
        if (reasons == CORRUPT).any():
            at = int(batch.label_start[items[np.argmax(reasons == CORRUPT)]])
            raise CorruptBatch(f"corrupt body: damaged label in the series at byte {at}")
        return LabelSpans(batch.buffer, spans[:used], counts, reasons)

    def _within_metric_limit(self, tenant: int, pairs: LabelPairs) -> tuple[LabelPairs, Int64s]:
        """The pairs without series whose metric name would be one too many, and which those are."""
        none = np.zeros(0, np.int64)
        metric_names = np.unique(self._metric_name_codes(pairs))
        unknown = [code for code in metric_names.tolist() if not self._numbers.knows(tenant, code)]
        spare = self._numbers.spare(tenant)
        if len(unknown) <= spare:
            return pairs, none
        refused = np.isin(self._metric_name_codes(pairs), unknown[spare:])
        kept_pairs = np.repeat(~refused, np.diff(pairs.offsets))
        offsets = np.concatenate([[0], np.cumsum(np.diff(pairs.offsets)[~refused])])
        kept = LabelPairs(offsets, pairs.names[kept_pairs], pairs.values[kept_pairs])
        return kept, np.flatnonzero(refused)

    def _metric_name_codes(self, pairs: LabelPairs) -> Int32s:
        """The value code of __name__ of each series, int32[series]."""
        if self._name_code < 0:
            self._name_code = self.symbols.find(METRIC_NAME)
        # Every registered series has exactly one.
        size = pairs.offsets[-1]
        codes: Int32s = pairs.values[:size][pairs.names[:size] == self._name_code]
        return codes

    def _add_series(self, tenant: int, pairs: LabelPairs, new_max: int) -> Int32s:
        first_new = len(self)
        refs = self._find_or_add(tenant, pairs, new_max)
        self.last_ms[first_new : len(self)] = NEVER_MS
        self._give_ids(tenant, first_new)
        self.numbered = len(self)
        return refs

    def _find_or_add(self, tenant: int, pairs: LabelPairs, new_max: int = NEW_SERIES_MAX) -> Int32s:
        refs = np.empty(len(pairs.offsets) - 1, np.int32)
        count = len(self)
        self._grow_slots(count + len(refs))
        find_or_add_labelsets(
            tenant, pairs.offsets, pairs.names, pairs.values, self._slots, self._hashes,
            self.tenants, self.offsets, self.names, self.values, self._state, refs,
            new_max, -1 - TENANT_SERIES_LIMIT,
        )  # fmt: skip
        self._tenant_counts[tenant] = self.registered(tenant) + len(self) - count
        return refs

    def _give_ids(self, tenant: int, first: int) -> None:
        """Number the series from ref `first` on within their metrics."""
        start = self.offsets[first]
        added = LabelPairs(
            self.offsets[first : len(self) + 1] - start,
            self.names[start : self.offsets[len(self)]],
            self.values[start : self.offsets[len(self)]],
        )
        ids = self._numbers.give(tenant, self._metric_name_codes(added))
        self.ids[first : len(self)] = ids

    def metric_names(self, refs: Int32s | Int64s) -> Int32s:
        """The codes of the metric names of these series."""
        return self._metric_name_codes(take_pairs(self.pairs, refs.astype(np.int64)))

    def _grow_slots(self, count: int) -> None:
        size = len(self._slots)
        if 2 * count <= size:
            return
        while size < 2 * count:
            size *= 2
        self._slots = np.zeros(size, np.int32)
        fill_slots(self._hashes, len(self), self._slots)

    def _remember_raw(
        self, batch: Batch, raw_tenant: int, items: Int64s, refs: Int32s, *, replicas: UInt64s
    ) -> None:
        """Enter label bytes into the raw table. It is a cache: when senders fill it with ever
        new spellings of known series, it is emptied."""
        if len(self._raw) + len(items) > 2 * len(self) + self._limits.raw_spare:
            self._raw.clear()
        self._raw.add(raw_tenant, batch.hash_low, batch.hash_high, items, refs, replicas=replicas)
