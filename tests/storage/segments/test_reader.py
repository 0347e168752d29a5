"""Reading gives the rows that were written, for any ids, times and overlaps of segments."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError, LimitExceeded
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.reader import FooterCache, ReadLimits, SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.writer import RowGroups
from tests.makers.segments import Row, some_rows, write_rows
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
    check(SegmentReader(tmp_path, FooterCache()), [(meta, rows)], ids, span)


def test_several_row_groups(tmp_path: Path, duck: Duck) -> None:
    # DuckDB ends a row group only after a vector of 2,048 rows.
    small = RowGroups(sample_rows=2048)
    rows = some_rows(range(0, 60, 2), range(0, 7000, 9))
    meta = write_rows(duck, tmp_path, rows, block_rows=5000, groups=small)
    assert pq.read_metadata(tmp_path / meta.ulid / "samples.parquet").num_row_groups >= 5
    reader = SegmentReader(tmp_path, FooterCache(), ReadLimits(groups=2))
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
    reader = SegmentReader(tmp_path, FooterCache())
    ids = sorted(draw.sample(range(8), draw.randint(0, 8)))
    for span in (WHOLE, (draw.randint(0, 6), draw.randint(4, 12))):
        check(reader, segments, ids, span)


def test_spending_may_stop_a_read(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1, 2], [1, 2, 3])
    metas = [write_rows(duck, tmp_path, rows), write_rows(duck, tmp_path, rows)]
    reader = SegmentReader(tmp_path, FooterCache())
    spent: list[int] = []

    def spend(samples: int) -> None:
        spent.append(samples)
        if sum(spent) > 4:
            raise LimitExceeded("enough")

    with pytest.raises(LimitExceeded):
        reader.select(metas, np.array([1, 2], np.int64), (2, 3), spend)
    assert spent == [4, 4]


def test_footers_are_cached_and_bounded(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1], [1])
    metas = [write_rows(duck, tmp_path, rows) for _ in range(3)]
    paths = [tmp_path / meta.ulid / "samples.parquet" for meta in metas]
    generous, tight = FooterCache(), FooterCache(bytes_max=1)
    for cache in (generous, tight):
        first = cache.get(paths[0])
        assert cache.get(paths[0]) is first
        for path in paths:
            cache.get(path)
        assert (cache.get(paths[0]) is first) == (cache is generous)


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
        SegmentReader(tmp_path, FooterCache()).select([meta], np.array([1], np.int64), WHOLE)


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
    reader = SegmentReader(tmp_path, FooterCache(), damages=damages)
    for _ in range(2):
        found = reader.select(metas, np.array([1], np.int64), WHOLE)
        assert found.timestamps.tolist() == [2]
    assert noted == [(path, 1)], "noted once"
    assert damages.of(path) == groups
    assert damages.segments() == {metas[0].ulid}


def test_a_damaged_row_group_costs_its_own_samples(tmp_path: Path, duck: Duck) -> None:
    """Groups of 2048 rows; what is wrong in one of them does not decode."""
    rows = some_rows([1, 2, 3], range(2048))
    meta = write_rows(duck, tmp_path, rows, block_rows=9999, groups=RowGroups(2048))
    path = tmp_path / meta.ulid / "samples.parquet"
    damages = Damages()
    reader = SegmentReader(tmp_path, FooterCache(), damages=damages)
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
        SegmentReader(tmp_path, FooterCache()).select([meta], np.array([1], np.int64), WHOLE)
