"""Series tables of several segments give every series once, with its newest value."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.errors import FormatError
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.series import SeriesReader
from tests.makers.segments import Row, labels_of, tenant_of, write_rows

STALE_BITS = 0x7FF0000000000002
SEGMENTS: list[list[Row]] = [
    [(1, 10, 1), (1, 20, 2), (2, 30, 3), (9, 5, STALE_BITS)],
    [(2, 30, 4), (3, 15, 5), (4, 100, 6)],
    [(1, 15, 7), (3, 16, 8), (8, -7, 9)],
]
# id: (min_ts, max_ts, bits of the value at max_ts; of equal times the older segment's)
EXPECTED = {
    1: (10, 20, 2), 2: (30, 30, 3), 3: (15, 16, 8), 4: (100, 100, 6), 8: (-7, -7, 9),
    9: (5, 5, STALE_BITS),
}  # fmt: skip


def read(reader: SeriesReader, segments: list[Any]) -> dict[int, tuple[int, int, int]]:
    """All series; checks labels, tenants, and that none comes twice."""
    found = {}
    for table in reader.read(segments):
        bits = table["last_value"].to_numpy().view(np.uint64).tolist()
        assert table["series_id"].to_pylist() == sorted(table["series_id"].to_pylist())
        for row, value in zip(table.to_pylist(), bits, strict=True):
            series_id = row["series_id"]
            assert series_id not in found
            assert dict(row["labels"]) == labels_of(series_id)
            assert row["tenant"] == tenant_of(series_id)
            found[series_id] = (row["min_ts"], row["max_ts"], value)
    return found


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_every_series_once(tmp_path: Path, duck: Duck, batch_rows: int) -> None:
    metas = [write_rows(duck, tmp_path, rows) for rows in SEGMENTS]
    assert read(SeriesReader(duck, tmp_path, batch_rows=batch_rows), metas) == EXPECTED


def test_no_segments(tmp_path: Path, duck: Duck) -> None:
    reader = SeriesReader(duck, tmp_path)
    assert list(reader.read([])) == []
    assert reader.in_range([], 0, 10).tolist() == []


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "ids"),
    [
        (-(2**63), 2**63 - 1, [1, 2, 3, 4, 8, 9]),
        (15, 15, [1, 3]),
        (12, 14, [1]),  # no sample there, but the segment's first and last surround it
        (100, 200, [4]),
        (101, 200, []),
        (-7, 5, [8, 9]),
    ],
)
def test_in_range(tmp_path: Path, duck: Duck, start_ms: int, end_ms: int, ids: list[int]) -> None:
    metas = [write_rows(duck, tmp_path, rows) for rows in SEGMENTS]
    found = SeriesReader(duck, tmp_path).in_range(metas, start_ms, end_ms)
    assert found.dtype == np.int64 and found.tolist() == ids


def test_path_with_a_quote(tmp_path: Path, duck: Duck) -> None:
    directory = tmp_path / "it's"
    meta = write_rows(duck, directory, SEGMENTS[0])
    assert len(read(SeriesReader(duck, directory), [meta])) == 3


def test_a_damaged_series_table_costs_its_own_series(tmp_path: Path, duck: Duck) -> None:
    metas = [write_rows(duck, tmp_path, rows) for rows in SEGMENTS]
    path = tmp_path / metas[0].ulid / "series.parquet"
    path.write_bytes(b"noise")
    damages = Damages()
    reader = SeriesReader(duck, tmp_path, damages=damages)
    with pytest.raises(FormatError, match="series tables"):
        list(reader.read(metas))
    for _ in range(2):
        assert reader.in_range(metas, -100, 100).tolist() == [1, 2, 3, 4, 8]
    assert damages.segments() == {metas[0].ulid}
    assert reader.in_range(metas[:1], -100, 100).tolist() == []
    path.unlink()
    with pytest.raises(FormatError, match="series.parquet"):
        SeriesReader(duck, tmp_path).in_range(metas, -100, 100)


def test_ids_of_all_series(tmp_path: Path, duck: Duck) -> None:
    metas = [write_rows(duck, tmp_path, rows) for rows in SEGMENTS]
    reader = SeriesReader(duck, tmp_path)
    assert reader.ids(metas).tolist() == [1, 2, 3, 4, 8, 9]
    assert reader.ids(metas[1:2]).tolist() == [2, 3, 4]
    assert reader.ids([]).tolist() == []


def test_the_ends_of_series_in_each_segment(tmp_path: Path, duck: Duck) -> None:
    metas = [write_rows(duck, tmp_path, rows) for rows in SEGMENTS]
    reader, wanted = SeriesReader(duck, tmp_path), np.array([1, 3, 5, 9])

    def ends(low: int, high: int) -> list[tuple[int, int, int]]:
        columns = reader.ends(metas, wanted, (low, high))
        return sorted(zip(*(column.tolist() for column in columns), strict=True))

    assert ends(0, 99) == [(1, 10, 20), (1, 15, 15), (3, 15, 15), (3, 16, 16), (9, 5, 5)]
    assert ends(16, 18) == [(1, 10, 20), (3, 16, 16)]
    assert ends(200, 300) == []
    assert [len(column) for column in reader.ends(metas, wanted[:0], (0, 99))] == [0, 0, 0]
