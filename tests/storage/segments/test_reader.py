"""Reading gives the rows that were written, for any ids, times and overlaps of segments."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError, LimitExceeded
from storage.read.sealed import SampleBudget
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.writer import RowGroups
from tests.makers.segments import Row, forget_pieces, some_rows, write_old, write_rows
from tests.twins.storage import segments as naive

INT64 = np.iinfo(np.int64)
WHOLE = (int(INT64.min), int(INT64.max))


def check(
    reader: SegmentReader,
    segments: list[tuple[SegmentMeta, list[Row]]],
    ids: list[int],
    span: tuple[int, int],
) -> None:
    samples = reader.select([meta for meta, _ in segments], np.array(ids, np.int64), span)
    expected = naive.select([rows for _, rows in segments], ids, *span)
    assert samples.offsets.tolist() == np.cumsum([0] + [len(rows) for rows in expected]).tolist()
    flat = [row for rows in expected for row in rows]
    assert samples.timestamps.tolist() == [row[1] for row in flat]
    assert samples.values.view(np.uint64).tolist() == [row[2] for row in flat]


@pytest.mark.parametrize("ids", [[], [1], [5], [0, 3, 4], [2, 2**62], [1, 2, 5, 2**62]])
@pytest.mark.parametrize("span", [WHOLE, (0, 7), (1, 6), (7, 0), (-(2**62), -1), (8, 2**61)])
def test_one_segment(tmp_path: Path, duck: Duck, ids: list[int], span: tuple[int, int]) -> None:
    rows = some_rows([1, 2, 5, 2**62], [-(2**62), -1, 0, 7, 2**62])
    meta = write_rows(duck, tmp_path, rows)
    check(SegmentReader(tmp_path, SegmentCaches()), [(meta, rows)], ids, span)


def test_several_row_groups(tmp_path: Path, duck: Duck) -> None:
    # DuckDB ends a row group only after a vector of 2,048 rows.
    small = RowGroups(sample_rows=2048)
    rows = some_rows(range(0, 60, 2), range(0, 7000, 9))
    meta = write_rows(duck, tmp_path, rows, block_rows=5000, groups=small)
    assert pq.read_metadata(tmp_path / meta.ulid / "samples.parquet").num_row_groups >= 5
    reader = SegmentReader(tmp_path, SegmentCaches())
    for ids in ([0], [30, 31, 32], list(range(0, 60, 7)), list(range(60)), [58, 99]):
        for span in (WHOLE, (900, 1000), (6900, 10**9)):
            check(reader, [(meta, rows)], ids, span)


@pytest.mark.parametrize("seed", range(20))
def test_overlapping_segments(tmp_path: Path, duck: Duck, seed: int) -> None:
    """Few ids and times, so that segments overlap and contradict each other. The kernels behind it
    are tried with hypothesis."""
    draw = random.Random(seed)
    contents = []
    for _ in range(draw.randint(1, 4)):
        keys = {(draw.randint(0, 6), draw.randint(0, 12)) for _ in range(draw.randint(1, 30))}
        contents.append([(*key, draw.getrandbits(64)) for key in sorted(keys)])
    segments = [(write_rows(duck, tmp_path, rows), rows) for rows in contents]
    reader = SegmentReader(tmp_path, SegmentCaches())
    ids = sorted(draw.sample(range(8), draw.randint(0, 8)))
    for span in (WHOLE, (draw.randint(0, 6), draw.randint(4, 12))):
        check(reader, segments, ids, span)


def test_a_series_without_samples_in_the_span_lies_between_others(
    tmp_path: Path, duck: Duck
) -> None:
    """The second segment has samples of series 1 on both sides of the span only."""
    contents = [[(1, 5, 1), (2, 2, 2)], [(1, 0, 3), (1, 99, 3), (2, 9, 4)], [(1, 3, 5)]]
    segments = [(write_rows(duck, tmp_path, rows), rows) for rows in contents]
    check(SegmentReader(tmp_path, SegmentCaches()), segments, [1, 2], (1, 50))


def test_spending_may_stop_a_read(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1, 2], [1, 2, 3])
    metas = [write_rows(duck, tmp_path, rows), write_rows(duck, tmp_path, rows)]
    reader = SegmentReader(tmp_path, SegmentCaches())
    spent: list[int] = []

    def spend(samples: int) -> None:
        spent.append(samples)
        if sum(spent) > 4:
            raise LimitExceeded("enough")

    with pytest.raises(LimitExceeded):
        reader.select(metas, np.array([1, 2], np.int64), (2, 3), spend)
    assert spent == [4, 4]


def missing(path: Path) -> None:
    path.unlink()


def of_another_layout(path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


@pytest.mark.parametrize(
    ("change", "message"), [(missing, "cannot read"), (of_another_layout, "columns")]
)
def test_files_that_are_missing_or_of_another_layout(
    tmp_path: Path, duck: Duck, change: Callable[[Path], object], message: str
) -> None:
    meta = write_rows(duck, tmp_path, some_rows([1], [1, 2]))
    change(tmp_path / meta.ulid / "samples.parquet")
    with pytest.raises(FormatError, match=message):
        SegmentReader(tmp_path, SegmentCaches()).select([meta], np.array([1], np.int64), WHOLE)


@pytest.mark.parametrize(
    ("damage", "groups"),
    [
        (lambda path: path.write_bytes(b""), None),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), None),
        (lambda path: rewrite(path, [1, None]), {0}),
    ],
)
def test_a_damaged_file_costs_its_own_samples(
    tmp_path: Path, duck: Duck, damage: Callable[[Path], object], groups: set[int] | None
) -> None:
    metas = [write_rows(duck, tmp_path, some_rows([1], [t])) for t in (1, 2)]
    path = tmp_path / metas[0].ulid / "samples.parquet"
    damage(path)
    noted = []
    damages = Damages(lambda *found: noted.append(found))
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    for _ in range(2):
        found = reader.select(metas, np.array([1], np.int64), WHOLE)
        assert found.timestamps.tolist() == [2]
    assert noted == [(path, 1)], "noted once"
    assert damages.of(path) == groups
    assert damages.segments() == {metas[0].ulid}


def test_a_damaged_row_group_costs_its_own_samples(tmp_path: Path, duck: Duck) -> None:
    """Groups of 2048 rows; what is wrong in one of them does not decode. Of an older program: the
    checksums of pieces would find it before."""
    rows = some_rows([1, 2, 3], range(2048))
    meta = write_rows(duck, tmp_path, rows, block_rows=9999, groups=RowGroups(2048))
    forget_pieces(tmp_path / meta.ulid)
    path = tmp_path / meta.ulid / "samples.parquet"
    damages = Damages()
    reader = SegmentReader(tmp_path, SegmentCaches(), damages=damages)
    column = pq.read_metadata(path).row_group(1).column(1)
    contents = bytearray(path.read_bytes())
    first = column.data_page_offset
    contents[first : first + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(contents)
    found = reader.select([meta], np.array([1, 2, 3], np.int64), WHOLE)
    assert np.diff(found.offsets).tolist() == [2048, 0, 2048]
    assert damages.of(path) == {1}
    one = reader.select([meta], np.array([3], np.int64), WHOLE)
    assert one.timestamps.tolist() == list(range(2048))


def rewrite(path: Path, values: list[float | None]) -> None:
    columns = {"series_id": [1, 1], "ts": [1, 2], "value": pa.array(values, pa.float64())}
    pq.write_table(pa.table(columns), path)


def test_samples_file_without_bounds(tmp_path: Path, duck: Duck) -> None:
    meta = write_rows(duck, tmp_path, some_rows([1], [1, 2]))
    path = tmp_path / meta.ulid / "samples.parquet"
    pq.write_table(pq.read_table(path), path, write_statistics=False)
    with pytest.raises(FormatError, match="does not tell"):
        SegmentReader(tmp_path, SegmentCaches()).select([meta], np.array([1], np.int64), WHOLE)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("cache_bytes", [0, 1 << 14, 1 << 20])
def test_many_row_groups_of_many_segments(
    tmp_path: Path, duck: Duck, seed: int, cache_bytes: int
) -> None:
    """Segments that follow each other or overlap, of all formats, cut anywhere, read repeatedly."""
    draw = random.Random(seed)
    segments, start = [], 0
    for number in range(draw.randint(1, 5)):
        ids = sorted(draw.sample(range(12), draw.randint(1, 12)))
        length = draw.randint(1, 60)
        rows = [
            (i, t, draw.getrandbits(64) if draw.random() < 0.02 else t * 4096 + number)
            for i in ids
            for t in range(start, start + length)
            if draw.random() < 0.9 or t == start
        ]
        floats = np.array([row[2] % 4096 / 8 for row in rows])
        if draw.random() < 0.7:
            decimals = zip(rows, floats.view(np.uint64).tolist(), strict=True)
            rows = [(i, t, bits) for (i, t, _), bits in decimals]
        meta = write_rows(duck, tmp_path, rows, groups=RowGroups(sample_rows=draw.randint(1, 90)))
        if draw.random() < 0.3:
            write_old(duck, tmp_path / meta.ulid / "samples.parquet", rows)
        segments.append((meta, rows))
        start += length if draw.random() < 0.7 else length // 2
    reader = SegmentReader(tmp_path, SegmentCaches(cache_bytes))
    for _ in range(6):
        ids = sorted(draw.sample(range(14), draw.randint(0, 14)))
        first = draw.randint(-5, start)
        check(reader, segments, ids, draw.choice([WHOLE, (first, first + draw.randint(0, 50))]))


def test_what_was_decoded_is_kept_if_it_is_little(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows(range(40), range(100))
    meta = write_rows(duck, tmp_path, rows, groups=RowGroups(sample_rows=200))
    caches = SegmentCaches(16 * 4000 * 4 // 3)  # a quarter is for windows
    reader = SegmentReader(tmp_path, caches)
    reader.select([meta], np.arange(40), WHOLE)
    assert len(caches.groups) == 0
    reader.select([meta], np.arange(10), WHOLE)
    assert len(caches.groups) == 5
    for _ in range(30):
        reader.select([meta], np.array([random.randrange(40)]), WHOLE)
    assert caches.groups.bytes <= 16 * 4000
    (tmp_path / meta.ulid / "samples.parquet").unlink()
    check(reader, [(meta, rows)], [3, 4], (5, 20))
    reader.forget({meta.ulid})
    assert len(caches.groups) == len(caches.footers) == len(caches.indexes) == 0
    with pytest.raises(FormatError, match="cannot read"):
        reader.select([meta], np.array([1]), WHOLE)


@pytest.mark.parametrize(
    ("span", "count"),
    [(WHOLE, 300), ((0, 99), 300), ((0, 49), 150), ((90, 10**6), 30), ((200, 300), 0)],
)
def test_samples_are_counted_without_decoding(
    tmp_path: Path, duck: Duck, span: tuple[int, int], count: int
) -> None:
    meta = write_rows(duck, tmp_path, some_rows(range(5), range(100)))
    reader = SegmentReader(tmp_path, SegmentCaches())
    reader.select([meta], np.array([9]), WHOLE)  # footer and index are read
    (tmp_path / meta.ulid / "samples.parquet").unlink()
    assert reader.count(reader.plan([meta], np.array([1, 2, 4, 9]), span)) == count


def test_spending_comes_before_decoding(tmp_path: Path, duck: Duck) -> None:
    meta = write_rows(duck, tmp_path, some_rows(range(5), range(100)))
    caches = SegmentCaches()
    with pytest.raises(LimitExceeded):
        SegmentReader(tmp_path, caches).select([meta], np.arange(5), WHOLE, SampleBudget(499).spend)
    assert len(caches.groups) == 0
