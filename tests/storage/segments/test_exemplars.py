"""Exemplars in Parquet: what is written is read back, by series and time."""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import FormatError
from storage.files import EXEMPLARS_FILE
from storage.samples.exemplars import Exemplars, read_exemplars
from storage.segments.damage import Damages
from storage.segments.exemplars import (
    ExemplarReader,
    read_exemplars_of,
    read_file,
    write_exemplars,
)
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from tests.twins.storage import exemplars as naive
from tests.twins.storage.exemplars import Written, raw_exemplars

STALE = 0x7FF0000000000002
ROWS: list[Written] = [
    (1, -5, STALE, ((b"trace_id", b"a"), (b"span_id", "ü".encode()))),
    (1, 7, 0, ()),
    (2, 7, 1 << 63, ((b"empty", b""),)),
    (9, 8, 5, ((b"trace_id", b"b"),)),
]


def made(rows: list[Written]) -> Exemplars:
    exemplars = read_exemplars(raw_exemplars(rows))[0]
    return exemplars.take(np.lexsort((exemplars.timestamps, exemplars.series)))


def read(path: Path, ids: list[int], span: tuple[int, int]) -> list[naive.Exemplar]:
    taken: list[int] = []
    parts = read_file(path, np.array(ids, np.int64), span, taken.append, Damages())
    found = [
        (ids[position], time, bits, labels)
        for part in parts
        for position, time, bits, labels in zip(
            part.series.tolist(), part.timestamps.tolist(),
            part.values.view(np.uint64).tolist(), part.labels, strict=True,
        )
    ]  # fmt: skip
    assert sum(taken) == len(found)
    return found


def test_file_is_plain_parquet(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    write_exemplars(made(ROWS), path)
    rows = duckdb.execute(f"select series_id, ts, labels from '{path}'").fetchall()
    assert rows == [
        (1, -5, {"span_id": "ü", "trace_id": "a"}),
        (1, 7, {}),
        (2, 7, {"empty": ""}),
        (9, 8, {"trace_id": "b"}),
    ]


@given(
    st.lists(st.sampled_from([1, 2, 3, 9]), min_size=1, unique=True).map(sorted),
    st.tuples(st.integers(-6, 9), st.integers(-6, 9)),
    st.integers(1, 4),
)
def test_reads_wanted_series_and_times(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int], span: tuple[int, int], group: int
) -> None:
    path = tmp_path_factory.mktemp("e") / "e.parquet"
    write_exemplars(made(ROWS), path, group_rows=group)
    wanted = [e for e in naive.plain(made(ROWS)) if e[0] in ids and span[0] <= e[1] <= span[1]]
    assert read(path, ids, span) == wanted


def test_segments_without_exemplars_are_not_opened(tmp_path: Path) -> None:
    def segment(exemplars: int) -> SegmentMeta:
        return SegmentMeta(
            ulid=new_ulid(1), shard=0, min_ms=0, max_ms=0, samples=1, series=1, bytes=1,
            created_ms=0, exemplars=exemplars,
        )  # fmt: skip

    reader = ExemplarReader(tmp_path)
    segments = [segment(0), segment(4)]
    (tmp_path / segments[1].ulid).mkdir()
    write_exemplars(made(ROWS), tmp_path / segments[1].ulid / EXEMPLARS_FILE)
    ids, span = np.array([1, 2], np.int64), (-100, 100)
    assert sum(map(len, reader.select(segments, ids, span, lambda count: None))) == 3
    assert reader.select(segments, ids[:0], span, lambda count: None) == []
    with pytest.raises(FormatError, match=r"cannot read .*exemplars\.parquet"):
        reader.select([segment(1)], ids, span, lambda count: None)


def test_a_damaged_file_costs_its_own_exemplars(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "e.parquet"
    write_exemplars(made(ROWS), path)
    path.write_bytes(path.read_bytes()[:-9])
    assert read(path, [1], (0, 9)) == []
    assert "e.parquet row_groups=all" in caplog.text


def test_a_damaged_row_group_costs_its_own_exemplars(tmp_path: Path) -> None:
    path, ids = tmp_path / "e.parquet", np.array([1, 2], np.int64)
    write_exemplars(made(ROWS), path, group_rows=2)
    groups = pq.read_metadata(path).num_row_groups
    assert groups > 1
    column = pq.read_metadata(path).row_group(0).column(1)
    contents = bytearray(path.read_bytes())
    first = column.data_page_offset
    contents[first : first + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(contents)
    damages = Damages()
    found = read_file(path, ids, (-100, 100), lambda count: None, damages)
    assert sum(map(len, found)) == sum(row[0] in (1, 2) for row in ROWS[2:])
    assert damages.of(path) == {0}


def test_all_of_a_file_can_be_written_again(tmp_path: Path) -> None:
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"
    write_exemplars(made(ROWS), first, group_rows=2)
    meta = SegmentMeta(
        ulid=new_ulid(1), shard=0, min_ms=0, max_ms=0, samples=0, series=3, bytes=1, created_ms=0,
        exemplars=len(ROWS),
    )  # fmt: skip
    exemplars = read_exemplars_of(first, meta)
    assert naive.plain(exemplars) == naive.plain(made(ROWS))
    write_exemplars(exemplars, second)
    span = (-(2**63), 2**63 - 1)
    assert read(second, [1, 2, 9], span) == read(first, [1, 2, 9], span)
    assert len(read_exemplars_of(first, msgspec.structs.replace(meta, exemplars=0))) == 0
    first.write_bytes(b"PAR1")
    with pytest.raises(FormatError, match=str(first)):
        read_exemplars_of(first, meta)
