"""Compiling the kernels of storage before a request has to wait for them.

A kernel is compiled at its first call, which takes up to seconds, and is found on disk by later
processes. Warming up writes two replicas of a series to a head of its own, and reads them back in
the ways that queries and seals do.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.batch import Batch, RawNatives, SymbolSpans
from storage.dedup.algorithm import SHORT_MS, Algorithm
from storage.dedup.complete import complete_groups, ranges_of
from storage.dedup.dedup import dedup
from storage.dedup.reach import unsettled_groups
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS, Aggregates
from storage.downsampling.combining import combine
from storage.downsampling.cuts import without_windows
from storage.downsampling.folding import fold
from storage.downsampling.points import PointRoom, count_points, points_of
from storage.head.head import Head, sealed_samples
from storage.head.late import FIRST_SLOTS, LateIndex, OutOfOrder
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.arrays import Bytes, Int64s
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
from storage.samples.cuts import Cuts, without
from storage.samples.edges import EdgeRoom, WindowGrid
from storage.samples.exemplar_kernels import join_runs as join_labels
from storage.samples.exemplars import Exemplars, RawExemplars
from storage.samples.hint import Purpose
from storage.samples.merge import between, merge_all
from storage.samples.samples import Samples
from storage.segments.aggregates.columns import EVERYTHING
from storage.segments.aggregates.decoding import (
    GroupChunks,
    GroupDecoder,
    fill,
    spread,
    take_scaled,
)
from storage.segments.aggregates.groups import WindowGroup
from storage.segments.aggregates.groups import parse_footer as parse_aggregates
from storage.segments.aggregates.reader import joined, runs_of
from storage.segments.aggregates.writer import AggregateWriter
from storage.segments.comparing import are_marked
from storage.segments.contradictions import contradictions
from storage.segments.encoding.edging import edges_of
from storage.segments.encoding.footers import IDS, TAIL_BYTES, Footer, footer_in, parse_footer
from storage.segments.encoding.groups import (
    Group,
    decode_column,
    decode_group,
    decode_run,
    read_only,
)
from storage.segments.encoding.held import HeldGroups
from storage.segments.encoding.placing import Target, place_run
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from storage.segments.exemplars import label_maps, text_column
from storage.segments.histogram_reader import wanted_runs
from storage.segments.merging import cut_runs, join_runs, merge
from storage.segments.row_index import RowIndex, groups_with
from storage.segments.runs import place_rows, strictly_ascending
from storage.series.index import TenantIndex
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
    read_sealed(head, table, matched)


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
    # Some columns are read one by one, many at once; the rows' labels are read twice, because what
    # was read before is kept.
    labels.take(labels.order()).column("r")
    labels.take(labels.order()).matrix(["__name__", "r", "s", "t"])
    pairs = LabelPairs(np.arange(2), np.zeros(1, np.int32), np.zeros(1, np.int32))
    PickedPairs(pairs, np.zeros(1, np.int64)).fill(0, np.zeros(1, np.int32))


def read_sealed(head: Head, table: SeriesTable, refs: Int64s) -> None:
    """What sealing, and reading two segments with equal samples, do."""
    sealed = sealed_samples(head, refs)
    ids = table.ids[refs]
    strictly_ascending(ids, sealed.offsets, sealed.timestamps)
    cuts = Cuts.of([(10, 20)], [np.ones(len(ids), np.bool_)])
    without(sealed, cuts)
    file, footer = example_file(np.repeat(ids, np.diff(sealed.offsets)), sealed)
    group = read_only(decode_group(footer, 0, file, 0))
    decode_run(footer, (0, 1), file, 0)
    warm_placing(footer, file)
    decode_column(footer, (0, IDS), file, 0, np.empty(footer.rows, np.int64))
    always = np.zeros(len(ids), np.int64)
    wanted = RowIndex.of(ids, sealed.offsets, always, always).find(ids, (0, 100))
    wanted.within(footer, (5, 100))
    groups_with(wanted, footer.offsets)
    pairs = np.zeros((2, 2), np.int64)
    for begins, ends in ((footer.begins, footer.ends), (pairs[:, 0], pairs[:, 1])):
        are_marked(np.ones(1, np.bool_), begins, ends, len(file))
    runs = [cut_runs((0, group), wanted, (0, 100), lambda samples: None) for _ in range(2)]
    contradictions(join_runs(runs), merge(join_runs(runs), len(ids)))
    times, bits = np.empty(footer.rows, np.int64), np.empty(footer.rows, np.uint64)
    firsts, ends = wanted.firsts, wanted.ends
    for group_times, group_bits in ((group.timestamps, group.bits), (times.copy(), bits.copy())):
        place_rows(0, group_times, group_bits, firsts, ends, firsts, times, bits)
    wanted_runs(times, times, ids, (0, 100))
    read_fractions(ids, sealed)
    rows = np.arange(len(ids))
    cuts.hit(rows, np.zeros(len(ids), np.int64))
    cuts.judge(rows, np.full(len(ids), 10), np.full(len(ids), 40), 0, 100)


def warm_placing(footer: Footer, file: Bytes) -> None:
    """Decode a row group to where its rows belong."""
    firsts, ends = np.zeros(1, np.int64), np.full(1, footer.rows)
    times, bits = np.empty(footer.rows, np.int64), np.empty(footer.rows, np.uint64)
    target = Target(firsts, ends, firsts, times, bits)
    place_run(footer, (0, 1), file, 0, target)
    grid = WindowGrid(np.zeros(1, np.int64), 1, True, (0, 100))
    runs = np.zeros(1, np.int64), firsts, ends
    room, groups = EdgeRoom(1, footer.rows, grid), HeldGroups([(0, Group(times, bits))])
    stored = file, np.zeros(1, np.int64)
    edges_of(footer, np.zeros(1, np.int64), stored, room, wanted=runs)
    groups.take(*runs, room)
    groups.trim(firsts, ends, (0, 100))
    groups.put(firsts, ends, firsts, times, bits)
    room.take(Samples(np.array([0, footer.rows]), times, bits.view(np.float64)))
    room.closed()


def read_fractions(ids: Int64s, sealed: Samples) -> None:
    """Read values that are no decimals: such a file holds them as they are."""
    values = np.sqrt(np.arange(2.0, 2.0 + len(sealed)))
    fractions = Samples(sealed.offsets, sealed.timestamps, values)
    file, footer = example_file(np.repeat(ids, np.diff(sealed.offsets)), fractions)
    decode_group(footer, 0, file, 0)


def read_exemplars_back(exemplars: Exemplars) -> None:
    """What rewriting a segment with exemplars does."""
    maps = label_maps(exemplars)
    offsets, data = np.empty_like(exemplars.offsets), np.empty_like(exemplars.data)
    texts = [text_column(column) for column in (maps.keys, maps.items)]
    ends = maps.offsets.to_numpy().astype(np.int64)
    join_labels(ends, *texts[0], *texts[1], offsets, data)


def example_file(ids: Int64s, samples: Samples) -> tuple[Bytes, Footer]:
    """The bytes of a samples.parquet, and its footer."""
    stream = pa.BufferOutputStream()
    with SampleWriter(stream, starts=False) as writer:
        writer.write(FloatRows(ids, samples.timestamps, samples.values, None))
    data = stream.getvalue().to_pybytes()
    length = int.from_bytes(data[-TAIL_BYTES:-4], "little")
    footer = parse_footer(Path("an example"), footer_in(data, length))
    return np.frombuffer(data, np.uint8).copy(), footer


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


def read_windows(windows: Aggregates) -> None:
    """Write aggregates, and read them back as they lie in the file and as points."""
    stream = pa.BufferOutputStream()
    with AggregateWriter(stream) as writer:
        writer.write(np.zeros(1, np.int64), windows)
    data = stream.getvalue().to_pybytes()
    length = int.from_bytes(data[-TAIL_BYTES:-4], "little")
    parquet = pq.read_metadata(pa.BufferReader(data))
    footer = parse_aggregates(Path("an example"), parquet, footer_in(data, length))
    columns = footer.starts[0], footer.sizes[0], footer.codecs[0]
    content = np.frombuffer(data, np.uint8)
    decoder = GroupDecoder(GroupChunks(content, *columns, int(footer.rows[0])))
    group = WindowGroup(decoder.ids(), decoder.rows(EVERYTHING))
    runs = runs_of(group, np.zeros(1, np.int64), (0, 1 << 40))
    joined([runs], None, 1)
    values, numbers, known = np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.bool_)
    spread(numbers, known, values.view(np.int64))
    spread(numbers, known, numbers)
    fill(values, known, values)
    take_scaled(numbers, known, 1.0, values, known)
    sizes = np.zeros(1, np.int64)
    count_points(runs, Purpose.VALUES, sizes)
    PointRoom.of(sizes).put_windows(runs, Purpose.VALUES)
    PointRoom.of(sizes).put_windows(runs, Purpose.TOTALS)
    PointRoom.of(np.ones(1, np.int64)).put_samples(Samples(np.arange(2), numbers, values))


def note_changes() -> None:
    """Call the kernels of noting what a write changes."""
    Record(0).note_samples(example_batch().timestamps, (0, 100), 0)


# All kernels of storage. Each step does without the others.
STEPS = (write_and_read, merge_replicas, downsample, note_changes)
