"""Edges of windows out of row groups are those of the rows that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.samples.edges import EdgeRoom, WindowGrid
from storage.segments.encoding.edging import edges_of
from storage.segments.encoding.footers import Footer, read_footer
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from tests.twins.storage.edges import window_edges

SERIES, SCRAPES, INTERVAL_MS = 9, 200, 15_000


def written(path: Path, values: list[np.ndarray], *, is_old: bool = False) -> Footer:
    late = np.random.default_rng(3).integers(0, 40, (SERIES, SCRAPES))
    times = np.arange(SCRAPES) * INTERVAL_MS + late[np.arange(SERIES) // 3]
    ids = np.repeat(np.arange(SERIES), SCRAPES)
    with SampleWriter(path, starts=False, group_rows=450, is_old=is_old) as writer:
        writer.write(FloatRows(ids, times.ravel(), np.concatenate(values), None))
    return read_footer(path)


def counters() -> list[np.ndarray]:
    """Some of them are reset now and then."""
    random = np.random.default_rng(5)
    rises = random.integers(0, 90, (SERIES, SCRAPES)).cumsum(axis=1)
    resets = random.random((SERIES, SCRAPES)) < np.linspace(0, 0.2, SERIES)[:, None]
    since = np.maximum.accumulate(np.where(resets, rises, 0), axis=1)
    return list((rises - since) / 100)


@pytest.fixture(scope="module", params=["lz4", "zstd"])
def file(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[Path, Footer]:
    path = tmp_path_factory.mktemp("edges") / "samples.parquet"
    return path, written(path, counters(), is_old=request.param == "zstd")


def taken(path: Path, footer: Footer, runs: list[tuple[int, int]], room: EdgeRoom) -> bool:
    """Whether the rows of runs, each of the series that its first row has, are taken."""
    firsts, ends = (np.array([run[k] for run in runs], np.int64) for k in range(2))
    wanted = firsts // SCRAPES, firsts, ends
    with GroupFile(path, footer) as file:
        numbers = np.arange(len(footer.scales))
        return edges_of(footer, numbers, file.gathered(numbers), room, wanted=wanted)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, SCRAPES), st.integers(0, SCRAPES)), min_size=SERIES,
             max_size=SERIES),
    st.integers(1, 900_000),
    st.booleans(),
)  # fmt: skip
def test_edges_of_rows(
    file: tuple[Path, Footer], parts: list[tuple[int, int]], range_ms: int, is_counter: bool
) -> None:
    path, footer = file
    runs = [(i * SCRAPES + min(p), i * SCRAPES + max(p)) for i, p in enumerate(parts)]
    ends = np.arange(0, SCRAPES * INTERVAL_MS, 77_777)
    span = (100_000, 2_500_000)
    room = EdgeRoom(SERIES, SERIES * SCRAPES, WindowGrid(ends, range_ms, is_counter, span))
    assert taken(path, footer, runs, room)
    edges, values = room.closed(), np.concatenate(counters())
    late = np.random.default_rng(3).integers(0, 40, (SERIES, SCRAPES))
    times = (np.arange(SCRAPES) * INTERVAL_MS + late[np.arange(SERIES) // 3]).ravel()
    for i, (first, end) in enumerate(runs):
        points = list(zip(times[first:end].tolist(), values[first:end].tolist(), strict=True))
        points = [point for point in points if span[0] <= point[0] <= span[1]]
        columns = edges.counts, edges.first_ms, edges.last_ms, edges.first, edges.change
        rows = zip(*[column[i].tolist() for column in columns], strict=True)
        found = [row if row[0] else None for row in rows]
        assert found == window_edges(points, ends.tolist(), range_ms, is_counter)


def test_what_is_no_decimal_or_damaged_is_refused(
    tmp_path: Path, file: tuple[Path, Footer]
) -> None:
    grid = WindowGrid(np.array([900_000]), 900_000, True, (0, 1 << 40))
    whole = [(i * SCRAPES, (i + 1) * SCRAPES) for i in range(SERIES)]
    for place in (0, 4):
        values = counters()
        values[place] = np.sqrt(values[place] + 2)
        path = tmp_path / f"{place}.parquet"
        footer = written(path, values)
        assert not taken(path, footer, whole, EdgeRoom(SERIES, SERIES * SCRAPES, grid))
    path, footer = file
    damaged = tmp_path / "damaged.parquet"
    content = bytearray(path.read_bytes())
    start, size = int(footer.starts[1, 3]), int(footer.sizes[1, 3])
    content[start : start + size] = b"\xff" * size
    damaged.write_bytes(content)
    assert not taken(damaged, footer, whole, EdgeRoom(SERIES, SERIES * SCRAPES, grid))
