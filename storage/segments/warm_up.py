"""Compiling the kernels that read segments before a request has to wait for them.

A segment's file is made in memory and read back in the ways that queries, seals and compaction do.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.downsampling.aggregates import Aggregates
from storage.downsampling.points import PointRoom, count_points
from storage.kernels.arrays import Bytes, Int64s
from storage.samples.cuts import Cuts, without
from storage.samples.edges import EdgeRoom, WindowGrid
from storage.samples.exemplar_kernels import join_runs as join_labels
from storage.samples.exemplars import Exemplars
from storage.samples.hint import Purpose
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
from storage.segments.encoding.expanding import expanded
from storage.segments.encoding.footers import IDS, TAIL_BYTES, Footer, footer_in, parse_footer
from storage.segments.encoding.groups import (
    Group,
    decode_column,
    decode_group,
    decode_run,
    read_only,
)
from storage.segments.encoding.held import HeldGroups
from storage.segments.encoding.placing import Target, place_run, stored_groups
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from storage.segments.exemplars import label_maps, text_column
from storage.segments.histogram_reader import wanted_runs
from storage.segments.merging import cut_runs, join_runs, merge
from storage.segments.row_index import RowIndex, RowRuns, groups_with
from storage.segments.runs import place_rows, strictly_ascending


def read_first(ids: Int64s, sealed: Samples) -> None:
    """What a first query of sealed floats does. ids: strictly ascending, of the samples' series."""
    file, footer = example_file(np.repeat(ids, np.diff(sealed.offsets)), sealed)
    find_rows(ids, sealed.offsets, footer)
    decode_run(footer, (0, 1), file, 0)
    decode_group(footer, 0, file, 0)
    warm_placing(footer, file)


def read_sealed(ids: Int64s, sealed: Samples) -> None:
    """What sealing, and reading two segments with equal samples, do."""
    strictly_ascending(ids, sealed.offsets, sealed.timestamps)
    cuts = Cuts.of([(10, 20)], [np.ones(len(ids), np.bool_)])
    without(sealed, cuts)
    file, footer = example_file(np.repeat(ids, np.diff(sealed.offsets)), sealed)
    group = read_only(decode_group(footer, 0, file, 0))
    decode_column(footer, (0, IDS), file, 0, np.empty(footer.rows, np.int64))
    wanted = find_rows(ids, sealed.offsets, footer)
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


def find_rows(ids: Int64s, offsets: Int64s, footer: Footer) -> RowRuns:
    """Find series in a segment, the row groups that have samples of them, and whether all pieces of
    the file were compared with their checksums."""
    always = np.zeros(len(ids), np.int64)
    wanted = RowIndex.of(ids, offsets, always, always).find(ids, (0, 100))
    wanted.within(footer, (5, 100))
    groups_with(wanted, footer.offsets)
    pairs = np.zeros((2, 2), np.int64)
    for begins, ends in ((footer.begins, footer.ends), (pairs[:, 0], pairs[:, 1])):
        are_marked(np.ones(1, np.bool_), begins, ends, 1)
    return wanted


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
    expanded(*stored_groups(footer, np.zeros(1, np.int64), *stored)[:2])
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
