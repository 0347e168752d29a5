"""The rows of series are found, by their numbers of samples or by their ids."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.encoding.footers import read_footer
from storage.segments.reader import SegmentReader
from storage.segments.row_index import (
    RowIndex,
    Source,
    agrees,
    index_of_ids,
    index_of_series,
    read_row_index,
)
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import flipped, some_rows, write_mixed, write_rows

SMALL = RowGroups(sample_rows=50)


def test_both_ways_find_the_same_rows(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1, 4, 5, 2**62], range(-100, 2000, 7))
    meta = write_rows(duck, tmp_path, rows, groups=SMALL)
    directory = tmp_path / meta.ulid
    footer = read_footer(directory / "samples.parquet")
    by_series = index_of_series(directory / "series.parquet")
    by_ids = index_of_ids(directory / "samples.parquet", footer, Damages())
    assert agrees(by_series, footer)
    assert by_series.ids.tolist() == by_ids.ids.tolist() == [1, 4, 5, 2**62]
    assert by_series.offsets.tolist() == by_ids.offsets.tolist() == [0, 300, 600, 900, 1200]
    assert set(by_series.min_ms.tolist()) == {-100}
    assert set(by_series.max_ms.tolist()) == {1993}


def test_histograms_are_in_no_row(tmp_path: Path, duck: Duck) -> None:
    floats = [(t, t, 0) for t in range(3)]
    series = {1: [*floats, (7, EXAMPLES[0], 0)], 2: [(1, EXAMPLES[1], 0)], 3: floats}
    meta = write_mixed(duck, tmp_path, series)
    directory = tmp_path / meta.ulid
    footer = read_footer(directory / "samples.parquet")
    index = read_row_index(directory, meta, footer, Damages())
    assert (index.ids.tolist(), index.offsets.tolist()) == ([1, 3], [0, 3, 6])


@pytest.mark.parametrize(
    ("ids", "counts"), [([1, 2], [2, 4]), ([1, 2], [3, 4]), ([2, 1], [3, 3]), ([1, 3], [3, 3])]
)
def test_where_the_files_disagree_the_ids_count(
    tmp_path: Path, duck: Duck, ids: list[int], counts: list[int]
) -> None:
    rows = some_rows([1, 2], [1, 2, 3])
    meta = write_rows(duck, tmp_path, rows, groups=RowGroups(sample_rows=3))
    directory = tmp_path / meta.ulid
    table = pq.read_table(directory / "series.parquet")
    for name, column in (("series_id", ids), ("samples", counts)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(column, pa.int64()))
    pq.write_table(table, directory / "series.parquet")
    footer = read_footer(directory / "samples.parquet")
    index = read_row_index(directory, meta, footer, Damages())
    assert (index.ids.tolist(), index.offsets.tolist()) == ([1, 2], [0, 3, 6])
    (directory / "series.parquet").unlink()
    with pytest.raises(FormatError, match="cannot read"):
        read_row_index(directory, meta, footer, Damages())


def test_runs_of_some_ids(tmp_path: Path, duck: Duck) -> None:
    rows = some_rows([1, 2], [1, 2, 3]) + some_rows([5], [7, 8])
    meta = write_rows(duck, tmp_path, rows)
    footer = read_footer(tmp_path / meta.ulid / "samples.parquet")
    index = read_row_index(tmp_path / meta.ulid, meta, footer, Damages())
    runs = index.find(np.array([0, 2, 5, 9]), (0, 100))
    assert runs.items.tolist() == [1, 2]
    assert (runs.firsts.tolist(), runs.ends.tolist()) == ([3, 6], [6, 8])
    assert (runs.min_ms.tolist(), runs.max_ms.tolist()) == ([1, 7], [3, 8])
    assert index.find(np.array([0, 2, 5, 9]), (4, 100)).items.tolist() == [2]
    assert index.find(np.array([3]), (0, 100)).items.tolist() == []
    none = np.zeros(0, np.int64)
    nothing = RowIndex.of(none, np.zeros(1, np.int64), none, none)
    assert nothing.find(np.array([1]), (0, 100)).items.tolist() == []
    assert index.held_bytes == 8 * 4 * 4


def test_a_series_table_with_any_byte_of_its_footer_changed_is_not_needed(
    tmp_path: Path, duck: Duck
) -> None:
    """What cannot be used is replaced by the ids; bounds of times are not looked at here."""
    meta = write_rows(duck, tmp_path, some_rows([1, 2, 9], range(5)))
    directory = tmp_path / meta.ulid
    footer = read_footer(directory / "samples.parquet")
    path = directory / "series.parquet"
    by_ids = 0
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        index = read_row_index(directory, meta, footer, Damages())
        assert (index.ids.tolist(), index.offsets.tolist()) == ([1, 2, 9], [0, 5, 10, 15])
        by_ids += bool((index.min_ms == np.iinfo(np.int64).min).all())
    assert by_ids > 200


def test_a_part_of_a_plan_is_the_plan_of_that_part(tmp_path: Path, duck: Duck) -> None:
    contents = [[1, 2, 5], [2, 3], [9]]
    metas = [write_rows(duck, tmp_path, some_rows(ids, [1, 2, 3])) for ids in contents]
    reader = SegmentReader(tmp_path, SegmentCaches())
    ids = np.array([0, 1, 2, 3, 5, 9], np.int64)
    plan = reader.plan(metas, ids, (0, 100))
    for first in range(len(ids)):
        for end in range(first + 1, len(ids) + 1):
            part = plan.part(first, end)
            expected = reader.plan(metas, ids[first:end], (0, 100))
            assert [shown(source) for source in part.sources] == [
                shown(source) for source in expected.sources
            ]
            assert part.ids.tolist() == expected.ids.tolist()


def shown(source: Source) -> tuple[str, list[int], list[int], list[int]]:
    runs = source.wanted
    return (
        source.segment.ulid,
        runs.items.tolist(),
        runs.firsts.tolist(),
        runs.ends.tolist(),
    )
