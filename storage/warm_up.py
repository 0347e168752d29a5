"""Compiling the kernels of storage before a request has to wait for them.

A kernel is compiled at its first call, which takes up to seconds, and is found on disk by later
processes. Warming up writes two replicas of a series to a head of its own, and reads them back in
the ways that queries and seals do.
"""

from dataclasses import replace

import numpy as np

from storage.batch import Batch, RawNatives, SymbolSpans
from storage.dedup.algorithm import SHORT_MS, Algorithm
from storage.dedup.complete import complete_groups, ranges_of
from storage.dedup.dedup import dedup
from storage.dedup.reach import unsettled_groups
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS
from storage.downsampling.combining import combine
from storage.downsampling.cuts import without_windows
from storage.downsampling.folding import fold
from storage.downsampling.points import points_of
from storage.head.head import Head, sealed_samples
from storage.head.late import FIRST_SLOTS, LateIndex, OutOfOrder
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.arrays import Int64s
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.labels.pairs import LabelPairs, PickedPairs
from storage.options import StorageOptions
from storage.read.existence import are_among
from storage.read.replicas.health import measure
from storage.read.replicas.watch import ShardWatch, WatchedLabels
from storage.refusals.samples import label_text
from storage.revisions.record import Record
from storage.samples.cuts import Cuts
from storage.samples.exemplars import RawExemplars
from storage.samples.hint import Purpose
from storage.samples.merge import between, merge_all
from storage.samples.samples import Samples
from storage.segments.warm_up import read_exemplars_back, read_sealed, read_windows
from storage.segments.warm_up import read_first as read_first_sealed
from storage.series.index import TenantIndex
from storage.series.replica_groups import enter_hashes
from storage.series.table import Registration, SeriesTable
from storage.series.text_order import TextOrder, merge_texts, places_among
from storage.shard.elections import Elections
from storage.tenants.rules import HaRules, TenantRules

SMALL = replace(
    StorageOptions(), series_max=64, head_samples_max=1024, symbol_bytes_max=1 << 16, retention_ms=0
)
# Two Label messages each: the metric name and the replica.
SERIES = [b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x06\x0a\x01r\x12\x01" + r for r in (b"a", b"b")]
TIMES = (10, 20, 40, 30)  # the last one is out of order


def write_first() -> None:
    """Call what a first write of floats and a first query of them do, and nothing else. Blocks."""
    table = SeriesTable(SMALL)
    head = Head(SMALL, table, 0)
    batch = example_batch()
    for _ in range(2):
        refs = table.resolve(batch, 1)
        head.append(refs, batch, -100, 100)
        Record(0).note_samples(batch.timestamps, (0, 100), 0)
    matched = TenantIndex(table, 1).match([Matcher("__name__", "=", "up")]).refs
    head.newest_within(matched, (0, 100))
    found = head.snapshot(matched).between(0, 100)
    samples = merge_all(found.sources(0, len(matched)), len(matched))
    dedup(samples, np.array([0, 2]))


def read_first() -> None:
    """Call what a first query of sealed floats does, and nothing else. Blocks; touches no files."""
    table, batch = SeriesTable(SMALL), example_batch()
    table.resolve(batch, 1, Registration(room=lambda wanted: wanted))
    index = TenantIndex(table, 1)
    refs = index.match([Matcher("__name__", "=", "up")]).refs
    index.group(refs, ("r",))
    enter_hashes(np.zeros(1, np.uint64), 0, np.zeros(2, np.int32))
    read_labels(index.frame(refs, Symbols(table.symbols)))
    times = np.tile(np.sort(TIMES), len(SERIES))
    read_first_sealed(table.ids[refs], Samples(batch.sample_offsets, times, batch.values))


def write_and_read() -> None:
    """Call the kernels of writing, reading and sealing. Blocks; touches no files."""
    table = SeriesTable(SMALL)
    head = Head(SMALL, table, 0)
    batch = example_batch()
    for _ in range(2):
        refs = table.resolve(batch, 1)
        head.append(refs, batch, -100, 100)
    LateIndex(
        OutOfOrder(np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1, np.uint64))
    ).with_room(1, FIRST_SLOTS)
    table.resolve(batch, 2, Registration(room=lambda wanted: 0))
    symbols = symbol_batch(batch)
    table.resolve(symbols, 1)
    for refused in (batch, symbols):
        label_text(refused, 0)
    ShardWatch(table, WatchedLabels(("r",), ()), 2).newest(lambda number: "")
    for later_ms in (50, 51):
        head.append(refs, histogram_batch(batch, later_ms), -100, 100)
    elect_replicas(table, batch)
    head.exemplars.add(refs, example_exemplars(batch), -100, 100)
    read_exemplars_back(head.exemplars.settled())
    table.renewed(np.arange(len(table)))
    sort_symbols(table)
    index = TenantIndex(table, 1)
    matched = index.match([Matcher("__name__", "=~", "u."), Matcher("r", "!=", "")]).refs
    index.group(matched, ("r",))
    head.newest_within(matched, (0, 100))
    labels = index.frame(matched, Symbols(table.symbols))
    read_back(head, matched, labels)
    sealed, ids = sealed_samples(head, matched), table.ids[matched]
    read_sealed(ids, sealed)


def sort_symbols(table: SeriesTable) -> None:
    """What lists of label values do, and those of segments."""
    symbols, order = table.symbols, TextOrder()
    for share in (1, len(symbols)):
        codes = np.arange(0, len(symbols), share, dtype=np.int32)
        found = order.of(symbols.arena, symbols.offsets, len(symbols), codes)
        merge_texts(symbols.arena, symbols.offsets, found, found[:0], 0, codes)
        places_among(symbols.arena, symbols.offsets, found, found[:1])
    are_among(table.ids[: len(table)], table.ids[:1])


def elect_replicas(table: SeriesTable, batch: Batch) -> None:
    """What a request of two replicas does, of which one is to be kept."""
    rules = TenantRules(ha=HaRules("__name__", "r", 1))
    entry = Registration(rules, replicas=np.zeros(batch.series_count, np.uint64))
    refs = table.resolve(batch, 3, entry)
    elections = Elections(SMALL.series_max)
    elections.judge(
        3, batch, refs, entry.replicas, arrival_ms=50, accepted_ms=(-100, 100), failover_ms=100
    )


def example_batch() -> Batch:
    ends = np.cumsum([len(labels) for labels in SERIES])
    return Batch(
        kind=0,
        payload=b"",
        buffer=np.frombuffer(b"".join(SERIES), np.uint8).copy(),
        label_start=ends - len(SERIES[0]),
        label_end=ends,
        hash_low=np.array([1, 2], np.uint64),
        hash_high=np.array([3, 4], np.uint64),
        sample_offsets=np.array([0, len(TIMES), 2 * len(TIMES)]),
        timestamps=np.array(TIMES * 2, np.int64),
        values=np.arange(2 * len(TIMES), dtype=np.float64),
    )


def symbol_batch(floats: Batch) -> Batch:
    """A series as remote write 2.0 states it: two symbols, and labels_refs that name them."""
    content = b"__name__up\x0a\x02\x00\x01"
    return replace(
        floats,
        buffer=np.frombuffer(content, np.uint8).copy(),
        label_start=np.full(len(SERIES), 10),
        label_end=np.full(len(SERIES), len(content)),
        hash_low=np.full(len(SERIES), 5, np.uint64),
        symbols=SymbolSpans(np.array([0, 8]), np.array([8, 2])),
        series_reasons=np.zeros(len(SERIES), np.int8),
    )


def histogram_batch(floats: Batch, later_ms: int) -> Batch:
    """The same series with a histogram each; the second one follows the first."""
    return replace(
        floats,
        sample_offsets=np.arange(len(SERIES) + 1),
        timestamps=np.full(len(SERIES), later_ms),
        values=np.ones(len(SERIES)),
        starts=np.full(len(SERIES), 5),
        natives=RawNatives(
            from_parts([Parts(count=1, sum=1, positive=[(1, 1)])] * len(SERIES)),
            np.arange(len(SERIES), dtype=np.int32),
        ),
    )


def example_exemplars(batch: Batch) -> RawExemplars:
    """An exemplar of each series, with the labels of the series as its own."""
    return RawExemplars(
        series=np.arange(len(SERIES)),
        timestamps=np.zeros(len(SERIES), np.int64),
        values=np.zeros(len(SERIES)),
        buffer=batch.buffer,
        label_start=batch.label_start,
        label_end=batch.label_end,
    )


def read_back(head: Head, refs: Int64s, labels: LabelFrame) -> None:
    """What a query with replica dedup, and a report on replicas, do."""
    found = head.snapshot(refs).between(0, 100)
    found.counts()
    samples = merge_all(found.sources(0, len(refs)), len(refs))
    found.near_sources(0, len(refs), (15, 35), 1)
    complete_groups(samples, np.array([0, 1, 2]), (15, 35))
    members = np.array([0, 2])
    unsettled_groups(samples, members, (15, 35), SHORT_MS)
    chosen = dedup(samples, members, provenance=True)
    assert chosen.sources is not None, "BUG: dedup told no sources"
    measure(samples, members, chosen.samples, chosen.sources)
    between(dedup(samples, members, span=(15, 35)).samples, 15, 25)
    labels.group(labels.names)
    read_labels(labels)


def read_labels(labels: LabelFrame) -> None:
    """Some columns are read one by one, many at once; the rows' labels are read twice, because what
    was read before is kept."""
    labels.take(labels.order()).column("r")
    labels.take(labels.order()).matrix(["__name__", "r", "s", "t"])
    pairs = LabelPairs(np.arange(2), np.zeros(1, np.int32), np.zeros(1, np.int32))
    PickedPairs(pairs, np.zeros(1, np.int64)).fill(0, np.zeros(1, np.int32))


def merge_replicas() -> None:
    """Call the kernels of all ways to make one series of two replicas, which end in a marker."""
    times = np.tile(np.arange(4) * 15_000, 2)
    values = np.array([1, 2, 3, STALE_NAN] * 2)
    samples, members, span = (
        Samples(np.array([0, 4, 8]), times, values),
        np.array([0, 2]),
        (0, 30_000),
    )
    for algorithm in Algorithm:
        dedup(samples, members, algorithm, counter=True, provenance=True, span=span)
    between(samples, *span)
    ranges_of(samples, *complete_groups(samples, np.array([0, 1, 2]), span))


def downsample() -> None:
    """Call the kernels that make and read downsampled samples."""
    times = np.arange(0, 4) * 15_000
    counter = Samples(np.array([0, 4]), times, np.array([1.0, 3.0, 2.0, STALE_NAN]))
    windows, whole = fold(counter, RESOLUTION_5M_MS), Cuts.of([(7, 8)], [np.ones(1, np.bool_)])
    without_windows(windows, whole, RESOLUTION_5M_MS)
    for purpose in Purpose:
        points_of(windows, purpose, RESOLUTION_5M_MS)
    natives = Natives(
        from_parts([Parts(count=1, sum=1, positive=[(1, 1)])] * 2), np.arange(2, dtype=np.int32)
    )
    histograms = Samples(np.array([0, 2]), times[:2], np.ones(2), None, natives)
    combine(fold(histograms, RESOLUTION_5M_MS), RESOLUTION_1H_MS)
    read_windows(windows)


def note_changes() -> None:
    """Call the kernels of noting what a write changes."""
    Record(0).note_samples(example_batch().timestamps, (0, 100), 0)


# All kernels of storage. Each step does without the others.
STEPS = (write_and_read, merge_replicas, downsample, note_changes)
