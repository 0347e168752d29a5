"""Reads of one tenant: selectors over heads and segments, deduplicated, and the label queries.

In select() the index is asked, heads are snapshotted, and what is to be read of segments is
counted. The segments are read when what comes back is read, block by block
(storage/read/sealed.py).

Invariants:
* What was acknowledged before select() was called is in the selection.
* Rows are in the order of series ids, or of the first member of each replica group: stable.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import numpy as np

from storage.catalog.metadata import Description, gauge_rows
from storage.dedup.algorithm import Algorithm, reach_ms
from storage.deletion.masks import Mask, mask_of
from storage.errors import LimitExceeded
from storage.head.head import HeadSnapshot
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.read.exemplars import ExemplarBudget, ExemplarSelection, ExemplarSources, select_rows
from storage.read.existence import aggregated_series, are_all_new, sealed_series
from storage.read.kept import ALL_KEPT, Kept
from storage.read.losses import losses_in
from storage.read.matching import match_within
from storage.read.replicas.matched import Replicas
from storage.read.replicas.report import (
    REPORT_LIMITS,
    ReplicaGroup,
    ReportLimits,
    replica_report,
)
from storage.read.resolutions.covering import EVER, resolutions_of
from storage.read.resolutions.found import Found, aggregated_ids, stock_of, touching
from storage.read.resolutions.mixing import AggregatedSource, MixedSelection
from storage.read.sealed import StoredRows
from storage.read.selection import DedupRule, DedupSelection, StoredSelection, widened
from storage.read.stored import StoredSeries
from storage.read.usage import Usage, usage_of
from storage.read.watching import watch_of
from storage.revisions.watch import Watch
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples
from storage.segments.segment import SegmentMeta, overlapping
from storage.series.index import TenantIndex
from storage.series.matches import Match
from storage.series.refs import refs_in
from storage.shard.shard import Shard, ShardView
from storage.tenants.rules import NO_RULES, TenantRules

Selected = StoredSelection | DedupSelection | MixedSelection
# What is kept where no series has a replica label.
NO_REPLICAS: Literal[False] = False


class StorageQuerier:
    """The series of one tenant as one request sees them. Used by one query, from any thread."""

    def __init__(
        self,
        shard: Shard,
        tenant: int,
        options: StorageOptions,
        replica_labels: Sequence[str],
        algorithm: Algorithm = Algorithm.AUTO,
        *,
        rules: TenantRules = NO_RULES,
        report_limits: ReportLimits = REPORT_LIMITS,
        kept: Kept = ALL_KEPT,
        aggregated: bool = False,
    ) -> None:
        """replica_labels: empty to see every replica's series; algorithm: makes them one; kept:
        what is not past its retention; aggregated: whether pairs were made one before they were
        downsampled as they are to be seen here."""
        self._kept = kept
        self._aggregated = aggregated
        self._rules = rules
        self._report_limits = report_limits
        self._shard = shard
        self._tenant = tenant
        self._index: TenantIndex = shard.index(tenant)
        self._options = options
        self._replica_labels = tuple(replica_labels)
        self._algorithm = algorithm
        self._table = self._index.table
        self.symbols = Symbols(self._table.symbols)
        self._reaches: list[int] = []  # how far around their spans reads went
        self._is_mixed = False  # whether any read aggregates
        self._shows_all = True  # whether lists of series had all that matched
        self._spans: list[tuple[int, int]] = []  # of times that were asked for

    @property
    def counters_differ(self) -> bool:
        """Only `penalty` treats counters in its own way."""
        return bool(self._replica_labels) and self._algorithm is Algorithm.PENALTY

    @property
    def has_aggregates(self) -> bool:
        return self._aggregated and bool(self._shard.aggregates)

    @property
    def aggregated_until_ms(self) -> int:
        """The last time that aggregates cover."""
        return max((segment.to_ms for segment in self._shard.aggregates), default=EVER[0])

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selected:
        """Raises LimitExceeded if more series or samples match than storage.select.max-* allow."""
        self._spans.append((start_ms, end_ms))
        match = self._match(matchers)
        labels = match.labels.in_query(self.symbols)
        found = self._found(self._shard.view(), match.refs, labels)
        # Aggregated series do not have the labels of replicas any more.
        sees_pairs = all(matcher.name not in self._replica_labels for matcher in matchers)
        if self._aggregated and sees_pairs and (hint.coarser or hint.resolution_ms):
            touched = touching(found.view.aggregates, (start_ms, end_ms), self._kept)
            if touched:
                return self._mixed(found, touched, (start_ms, end_ms), hint)
        return self._raw(found, (start_ms, end_ms), hint.counter)

    def stored(self, matchers: Sequence[Matcher], span: tuple[int, int]) -> StoredSeries:
        """The series that pass all matchers, as they are stored; span: that of a query. Raises
        LimitExceeded."""
        self._spans.append(span)
        match, view = self._match(matchers), self._shard.view()
        labels = match.labels.in_query(self.symbols)
        read = partial(self._read, view)
        return StoredSeries(labels, match.refs, self._snapshots(view, match.refs), read)

    def gauges(self, labels: LabelFrame) -> Bools | None:
        """Which rows metadata says are gauges; None if none is."""
        return gauge_rows(self._shard.metadata, self._tenant, labels)

    def watches(self) -> tuple[Watch, ...]:
        """How what is read from here on can be told from what is there later; empty for a tenant
        that has not written yet, or where series were forgotten since this querier was made."""
        return watch_of(
            self._shard,
            self._index,
            self._tenant,
            self._kept,
            rule=(self._replica_labels, self._algorithm),
            reached_ms=self._reached_ms,
            shows_all=lambda: self._shows_all,
        )

    @property
    def losses(self) -> tuple[str, ...]:
        """What may be missing of what was selected, because it is damaged: a sentence."""
        return losses_in(self._shard, self._spans)

    def _reached_ms(self) -> int | None:
        """None: what was read may change with what happens at any other time. What stands where of
        downsampled data does, as one late sample has a whole segment of it passed over."""
        if self._is_mixed or self._replica_labels and self._algorithm is Algorithm.PENALTY:
            return None
        return max(self._reaches, default=0)

    def replica_report(
        self,
        matcher_sets: Sequence[Sequence[Matcher]],
        start_ms: int,
        end_ms: int,
        *,
        cluster_labels: Sequence[str],
        stopped: Callable[[], bool],
    ) -> list[ReplicaGroup]:
        """What the replicas of the selected series do, and what dedup makes of them.

        cluster_labels: distinguish replicas of equal name. Raises LimitExceeded, or QueryStopped
        once `stopped` says so.
        """
        refs, labels = self._match_any(matcher_sets)
        replicated = np.flatnonzero(labels.matrix(self._replica_labels).any(axis=1))
        limits = self._report_limits
        if len(replicated) > limits.series:
            raise LimitExceeded(
                f"{len(replicated)} series have replica labels, at most {limits.series} are "
                "reported on (REPORT_SERIES_MAX); select some, such as match[]=up"
            )
        labels = labels.take(replicated)
        found = self._found(self._shard.view(), refs[replicated], labels)
        selection = self._raw(found, (start_ms, end_ms), False)
        if not isinstance(selection, DedupSelection):
            return []
        last_ms = self._table.last_ms[refs[replicated][selection.order]]
        return replica_report(
            selection, last_ms, cluster_labels, stopped, replicas_max=limits.replicas
        )

    def _found(self, view: ShardView, refs: Int64s, labels: LabelFrame) -> Found:
        replicas = self._replicas_among(refs, labels)
        stored = refs if replicas is None else replicas.refs
        return Found(view, stored, labels, replicas, self._snapshots(view, stored))

    def _raw(
        self, found: Found, span: tuple[int, int], counter: bool
    ) -> StoredSelection | DedupSelection:
        """The samples as they came."""
        span, replicas = self._kept.part_of(span), found.replicas
        view, snapshots = found.view, found.snapshots
        read = partial(self._read, view)
        if replicas is None:
            return read(found.refs, snapshots, (found.labels, span))
        around_ms = reach_ms(self._algorithm, replicas.largest)
        self._reaches.append(around_ms)
        labels = replicas.stored.in_query(self.symbols)
        series = StoredSeries(labels, replicas.refs, snapshots, read)

        def wider(rows: Int64s, around_ms: int) -> Samples:
            self._reaches.append(around_ms)
            return series.open(rows, widened(span, around_ms)).read(0, len(rows))

        rule = DedupRule(replicas.names, self._algorithm, counter=counter)
        labels = replicas.joined.in_query(self.symbols)
        gauges = self.gauges(labels)
        members, order = replicas.members, replicas.order
        stored = series.whole(widened(span, around_ms))
        return DedupSelection(labels, stored, members, order, rule, span, gauges, wider)

    def _mixed(
        self,
        found: Found,
        touched: Sequence[SegmentMeta],
        span: tuple[int, int],
        hint: SelectHint,
    ) -> Selected:
        """The samples as they came and aggregates, each for the times that it is to answer."""
        labels = found.labels
        if found.replicas is not None:
            labels = found.replicas.joined.in_query(self.symbols)
        mask = self._mask(found.view, labels, touched, span, of_rules=False)
        pieces = stock_of(found, touched, mask, self._kept).pieces(hint, span)
        if not any(piece.resolution_ms for piece in pieces):
            return self._raw(found, span, hint.counter)
        self._is_mixed = True
        source = AggregatedSource(
            self._shard.files.aggregates,
            aggregated_ids(found, self.symbols, self._table.ids),
            mask,
            hint.purpose,
            self._options.select_samples_max,
            partial(self._kept.cuts, labels),
        )
        parts = [
            source.rows(p) if p.resolution_ms else self._raw(found, p.span, hint.counter)
            for p in pieces
        ]
        return MixedSelection(labels, parts, resolutions_of(pieces))

    def _replicas_among(self, refs: Int64s, labels: LabelFrame) -> Replicas | None:
        """These series by replica groups; None if none of them has a replica label."""
        if not self._replica_labels:
            return None
        key = ("replicas", *self._replica_labels)
        return labels.once(key, lambda: self._grouped(refs, labels) or NO_REPLICAS) or None

    def _grouped(self, refs: Int64s, labels: LabelFrame) -> Replicas | None:
        grouping = self._index.group(refs, self._replica_labels)
        return None if grouping is None else Replicas.of(grouping, refs, labels)

    def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> ExemplarSelection:
        """The exemplars of the selected series of [start_ms, end_ms], both inclusive. Raises
        LimitExceeded if there are more than storage.select.max-exemplars."""
        view = self._shard.view()
        refs, labels = self._match_any(matcher_sets)
        start_ms, end_ms = self._kept.part_of((start_ms, end_ms))
        pools = [(h.exemplars, refs_in(h.table, self._table, refs)) for h in view.heads]
        mask = self._mask(view, labels, view.segments, (start_ms, end_ms))
        sources = ExemplarSources(self._shard.files.exemplars, view.segments, pools, mask)
        budget = ExemplarBudget(self._options.select_exemplars_max)
        ids = self._table.ids[refs]
        found = sources.select(ids, (start_ms, end_ms), budget.spend)
        return select_rows(*self._numbered(labels), found)

    def metadata(self, family: str = "") -> dict[str, tuple[Description, ...]]:
        """The descriptions of one of the tenant's metric families, or of all."""
        return self._shard.metadata.describe(self._tenant, family)

    def head_chunks(self) -> int:
        """The chunks in memory of all series of the tenant, those of heads being sealed too. Raises
        LimitExceeded."""
        refs = self._match([]).refs
        return sum(taken.pool.chunk_count() for taken in self._snapshots(self._shard.view(), refs))

    def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> LabelFrame:
        """The selected series with a sample in [start_ms, end_ms], each once. In a segment that
        reaches over an end of the range a series counts if its first and last sample do; one with
        deletions is looked at more closely (storage/read/existence.py)."""
        view, asked = self._shard.view(), (start_ms, end_ms)
        refs, labels = self._match_any(matcher_sets)
        span = self._kept.part_of(asked)
        if not are_all_new(self._shard, self._table, view, (refs, span)):
            has = self._has_samples(view, refs, labels, span)
            if self._aggregated and view.aggregates and not has.all():
                segments = touching(view.aggregates, asked, self._kept)
                mask = self._mask(view, labels, segments, EVER, of_rules=False)
                runs = mask.runs(segments)
                has |= aggregated_series(self._shard.files, runs, self._table.ids[refs], asked)
            if not has.all():
                self._shows_all = False
                labels = labels.take(np.flatnonzero(has))
        return self._numbered(labels)[0] if self._has_replicas(labels) else labels

    def usage(self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> Usage:
        """What the series as they are stored have of samples in [start_ms, end_ms]."""
        view, span = self._shard.view(), self._kept.part_of((start_ms, end_ms))
        refs, labels = self._match_any(matcher_sets)
        heads = [snapshot.between(*span) for snapshot in self._snapshots(view, refs)]
        stored = labels, self._table.ids[refs]
        return usage_of(self._shard.files.series, view.segments, stored, heads, span)

    def _has_replicas(self, labels: LabelFrame) -> bool:
        stored = self._table.symbols
        # What no series of the shard has is not looked for in each of them.
        return any(stored.find(name) >= 0 and labels.has(name) for name in self._replica_labels)

    def _numbered(self, labels: LabelFrame) -> tuple[LabelFrame, Int64s]:
        """The label sets without replica labels, each once, and which of them each row became."""
        if not self._has_replicas(labels):
            return labels, np.arange(labels.rows)
        labels = labels.drop(self._replica_labels)
        rows, firsts = labels.group(labels.names)
        return labels.frame_once("distinct", lambda: labels.take(firsts)), rows

    def _match_any(self, matcher_sets: Sequence[Sequence[Matcher]]) -> tuple[Int64s, LabelFrame]:
        """Refs and labels of the series that any of the sets selects."""
        matches = [self._match(matchers) for matchers in matcher_sets or [()]]
        if len(matches) == 1:
            return matches[0].refs, matches[0].labels.in_query(self.symbols)
        refs = np.unique(np.concatenate([match.refs for match in matches]))
        return refs, self._index.frame(refs, self.symbols)

    def _match(self, matchers: Sequence[Matcher]) -> Match:
        """What matches. Matchers see replica labels, also those that dedup removes."""
        return match_within(self._index, matchers, self._options, self._rules)

    def _snapshots(self, view: ShardView, refs: Int64s) -> list[HeadSnapshot]:
        with self._shard.lock:
            return [head.snapshot(refs, self._table) for head in view.heads]

    def _read(
        self,
        view: ShardView,
        refs: Int64s,
        snapshots: Sequence[HeadSnapshot],
        asked: tuple[LabelFrame, tuple[int, int]],
    ) -> StoredSelection:
        """The samples of series, of which there are snapshots of the heads; asked: their labels,
        and the span of time."""
        labels, span = asked
        span = self._kept.part_of(span)
        heads = tuple(snapshot.between(*span) for snapshot in snapshots)
        segments = overlapping(view.segments, *span)
        mask = self._mask(view, labels, segments, span)
        ids = self._table.ids[refs]
        runs = tuple(mask.runs(segments))
        allowed = self._options.select_samples_max
        sealed = StoredRows(self._shard.files.samples, runs, ids, span, allowed)
        sealed.check()
        return StoredSelection(labels, sealed, heads, self._kept.cuts(labels))

    def _mask(
        self,
        view: ShardView,
        labels: LabelFrame,
        segments: Sequence[SegmentMeta],
        span: tuple[int, int],
        *,
        of_rules: bool = True,
    ) -> Mask:
        """What deletions and rules of retention hide of these series."""
        past = self._kept.past(self._tenant, segments) if of_rules else ()
        hidden = (*view.deletions, *past)
        return mask_of(hidden, self._tenant, labels, segments, span)

    def _has_samples(
        self, view: ShardView, refs: Int64s, labels: LabelFrame, span: tuple[int, int]
    ) -> Bools:
        has = np.zeros(len(refs), np.bool_)
        for snapshot in self._snapshots(view, refs):
            has |= snapshot.between(*span).counts() > 0
        segments = overlapping(view.segments, *span)
        if segments and not has.all():
            ids = self._table.ids[refs]
            # Also what is deleted out of the span: a series may have nothing left at all.
            mask = self._mask(view, labels, segments, EVER)
            has |= sealed_series(self._shard.files, mask.runs(segments), ids, span)
        return has
