"""Segments with native histograms and start timestamps: what was written comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import FormatError, LimitExceeded
from storage.histograms.fingerprints import fingerprints
from storage.read.sealed import SampleBudget
from storage.segments.caches import SegmentCaches
from storage.segments.duck import Duck
from storage.segments.histograms import HistogramGroups, HistogramWriter, row_groups
from storage.segments.reader import READ_LIMITS, ReadLimits, SegmentReader
from storage.segments.segment import FORMAT_OF_RAW, SegmentMeta, read_meta, verify_segment
from storage.segments.series import SeriesReader
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES, Plain, columns, contents, mixed_samples
from tests.makers.segments import forget_pieces, write_mixed
from tests.twins.storage.kernels import MixedPoint, merge_mixed

WHOLE = (-(1 << 62), 1 << 62)
IDS = [1, 4, 6, 2**62]
ANY = [h._replace(hint=3) for h in EXAMPLES]
ODD_NAN = 0x7FF8DEADBEEF0001
points = st.lists(
    st.tuples(
        st.integers(-3, 12),
        st.sampled_from([*ANY, 0, 1, ODD_NAN]),
        st.sampled_from([0, -7, 1 << 60]),
    ),
    max_size=9,
    unique_by=lambda point: point[0],
).map(lambda found: sorted(found, key=lambda point: point[0]))
segments = st.lists(
    st.dictionaries(st.sampled_from(IDS), points, min_size=1).filter(lambda s: any(s.values())),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duck]:
    spill = tmp_path_factory.mktemp("spill")
    duck = Duck(memory_bytes=256 << 20, threads=2, temporary=spill)
    yield duck
    duck.close()


def select(
    directory: Path,
    metas: list[SegmentMeta],
    ids: list[int],
    span: tuple[int, int] = WHOLE,
    *,
    limits: ReadLimits = READ_LIMITS,
) -> list[list[MixedPoint]]:
    reader = SegmentReader(directory, SegmentCaches(), limits)
    return contents(reader.select(metas, np.array(ids, np.int64), span))


@settings(max_examples=25, deadline=None)
@given(segments, st.integers(-3, 12), st.integers(0, 12), st.sets(st.sampled_from(IDS), min_size=1))
def test_the_union_of_segments_comes_back(
    duck: Duck, written: list[dict[int, list[MixedPoint]]], first: int, length: int, ids: set[int]
) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory)
        metas = [write_mixed(duck, path, series) for series in written]
        for start, end in (WHOLE, (first, first + length)):
            expected = [
                [p for p in merge_mixed([s.get(i, []) for s in written]) if start <= p[0] <= end]
                for i in sorted(ids)
            ]
            assert select(path, metas, sorted(ids), (start, end)) == expected


def test_the_sums_of_a_segment_count_floats_and_histograms(tmp_path: Path, duck: Duck) -> None:
    series = {1: [(1, 5, 0), (2, ANY[0], 0)], 4: [(3, ANY[1], 9), (4, 6, 0)], 6: [(7, ANY[7], 0)]}
    meta = write_mixed(duck, tmp_path, series)
    assert (meta.samples, meta.histograms, meta.series) == (5, 3, 3)
    assert (meta.min_ms, meta.max_ms) == (1, 7)
    assert verify_segment(tmp_path / meta.ulid) == meta
    stored = read_meta(tmp_path / meta.ulid)
    assert stored.format == FORMAT_OF_RAW
    assert set(stored.files) == {"samples.parquet", "series.parquet", "histograms.parquet"}
    (table,) = SeriesReader(duck, tmp_path).read([meta])
    prints = fingerprints(columns(ANY), np.array([0, 7])).view(np.int64).tolist()
    assert table["last_histogram"].to_pylist() == [prints[0], None, prints[1]]
    assert table["last_value"].to_numpy().view(np.uint64).tolist() == [0, 6, 0]


def test_other_programs_read_the_file(tmp_path: Path, duck: Duck) -> None:
    custom = ANY[7]
    meta = write_mixed(duck, tmp_path, {1: [(5, custom, 3), (6, 0, 2)], 4: [(5, 0, 0)]})
    path = tmp_path / meta.ulid / "histograms.parquet"
    (row,) = duckdb.sql(f"SELECT * FROM '{path}'").fetchall()
    assert row == (
        1, 5, 3, -53, 3, 6.0, 0.0, 0.0, 0.0, [0, 2], [5.0, 1.0], [], [], [1.0, 2.0],
    )  # fmt: skip
    samples = tmp_path / meta.ulid / "samples.parquet"
    found = duckdb.sql(f"SELECT series_id, ts, start_ts FROM '{samples}'").fetchall()
    assert found == [(1, 6, 2), (4, 5, None)]


@pytest.mark.parametrize(
    "series", [{1: [(1, 5, 0)]}, {1: [(1, 5, 0), (2, ANY[0], 4)]}, {1: [(1, 5, 4)]}]
)
def test_columns_and_files_that_nothing_needs_are_left_out(
    tmp_path: Path, duck: Duck, series: dict[int, list[MixedPoint]]
) -> None:
    meta = write_mixed(duck, tmp_path, series)
    directory = tmp_path / meta.ulid
    has_starts = series[1][0][2] != 0
    assert ("start_ts" in pq.read_schema(directory / "samples.parquet").names) == has_starts
    assert (directory / "histograms.parquet").exists() == (meta.histograms > 0)
    assert ("last_histogram" in pq.read_schema(directory / "series.parquet").names) == (
        meta.histograms > 0
    )
    assert read_meta(directory).format == FORMAT_OF_RAW


def test_a_segment_of_histograms_only(tmp_path: Path, duck: Duck) -> None:
    series = {i: [(t, ANY[t % len(ANY)], 0) for t in range(i, 30)] for i in (1, 4)}
    meta = write_mixed(duck, tmp_path, series)
    assert pq.read_metadata(tmp_path / meta.ulid / "samples.parquet").num_rows == 0
    assert select(tmp_path, [meta], [1, 2, 4]) == [series[1], [], series[4]]


def test_row_groups_end_at_rows_or_buckets(tmp_path: Path, duck: Duck) -> None:
    small, limits = HistogramGroups(rows=4, buckets=6), ReadLimits(histogram_groups=2)
    many = columns([Plain()] * 5 + [EXAMPLES[0]] * 3 + [EXAMPLES[7]] * 2)
    assert list(row_groups(many, small)) == [(0, 4), (4, 8), (8, 10)]
    huge = Plain(positive=tuple((i, 1.0) for i in range(20)))
    assert list(row_groups(columns([huge, huge, Plain()]), small)) == [(0, 1), (1, 2), (2, 3)]
    series = {i: [(t, ANY[(i + t) % len(ANY)], t) for t in range(20)] for i in (1, 4, 6)}
    meta = write_mixed(duck, tmp_path, series, groups=RowGroups(histograms=small))
    groups = pq.read_metadata(tmp_path / meta.ulid / "histograms.parquet").num_row_groups
    assert groups >= 15
    assert select(tmp_path, [meta], [1, 6], limits=limits) == [series[1], series[6]]
    assert select(tmp_path, [meta], [4], (7, 9), limits=limits) == [series[4][7:10]]


def test_a_histogram_counts_as_half_of_its_buckets(tmp_path: Path, duck: Duck) -> None:
    huge = Plain(positive=tuple((i, 1.0) for i in range(20)))
    meta = write_mixed(duck, tmp_path, {1: [(1, huge, 0), (2, Plain(), 0), (3, 7, 0)]})
    spent: list[int] = []
    reader = SegmentReader(tmp_path, SegmentCaches())
    reader.select([meta], np.array([1]), WHOLE, spent.append)
    assert sum(spent) == 10 + 1 + 1
    with pytest.raises(LimitExceeded, match="a native histogram counts as half of its buckets"):
        reader.select([meta], np.array([1]), WHOLE, SampleBudget(11).spend)


def test_damaged_files_are_passed_over(
    tmp_path: Path, duck: Duck, caplog: pytest.LogCaptureFixture
) -> None:
    meta = write_mixed(duck, tmp_path, {1: [(1, ANY[0], 0)], 2: [(1, 5, 0)]})
    forget_pieces(tmp_path / meta.ulid)  # which would find all of this before
    path = tmp_path / meta.ulid / "histograms.parquet"
    table = pq.read_table(path)
    for name in ("positive_counts", "count"):
        at = table.schema.get_field_index(name)
        broken = pa.array([None], table.schema.field(at).type)
        pq.write_table(table.set_column(at, name, broken), path)
        assert select(tmp_path, [meta], [1, 2]) == [[], [(1, 5, 0)]]
        assert "histograms.parquet" in caplog.text
    short = pa.array([[1.0]], table.schema.field("positive_counts").type)
    at = table.schema.get_field_index("positive_counts")
    pq.write_table(table.set_column(at, "positive_counts", short), path)
    assert select(tmp_path, [meta], [1, 2]) == [[], [(1, 5, 0)]]
    assert "not as many positive indexes as counts" in caplog.text
    path.unlink()
    with pytest.raises(FormatError, match="cannot read"):
        select(tmp_path, [meta], [1])


def test_a_file_is_made_for_histograms_only(tmp_path: Path) -> None:
    path = tmp_path / "histograms.parquet"
    with HistogramWriter(path) as writer:
        writer.write(np.array([1]), mixed_samples([[(1, 5, 0)]]))
    assert writer.count == 0 and not path.exists()
