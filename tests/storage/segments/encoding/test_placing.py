"""Rows that are decoded to where they belong are those that were written, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import FormatError
from storage.kernels.arrays import Int64s
from storage.segments.encoding.footers import MIXED, Footer, read_footer
from storage.segments.encoding.groups import GroupFile
from storage.segments.encoding.placing import Target
from storage.segments.encoding.samples_file import FloatRows, SampleWriter
from storage.segments.row_index import NO_ROWS, RowRuns, groups_with

SERIES, SCRAPES = 12, 300
GROUP_ROWS = 700
UNTOUCHED = -7


def times_of(series: int) -> Int64s:
    """Pairs of series are scraped together, so that row groups have the same times."""
    late = np.random.default_rng(series // 4).integers(0, 40, SCRAPES)
    return np.arange(SCRAPES) * 15_000 + late


def rows_of(kind: str) -> FloatRows:
    """Counters in quarters; of series 5 and 6 others where the kind says so."""
    columns = []
    for series in range(SERIES):
        values = np.arange(SCRAPES) * (series + 1) / 4
        if kind == "fractions" and series in (5, 6):
            values = np.sqrt(values)
        columns.append((np.full(SCRAPES, series), times_of(series), values))
    ids, times, values = (np.concatenate(column) for column in zip(*columns, strict=True))
    return FloatRows(ids, times, values, None)


@pytest.fixture(scope="module", params=["counters", "fractions", "cut"])
def file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp("placing") / request.param
    group_rows = 100 if request.param == "cut" else GROUP_ROWS
    with SampleWriter(path, starts=False, group_rows=group_rows) as writer:
        writer.write(rows_of(request.param))
    return path


def runs_of(bounds: list[int]) -> RowRuns:
    firsts, ends = (np.array(bounds[k::2], np.int64) for k in range(2))
    return RowRuns(NO_ROWS.items, firsts[: len(ends)], ends, NO_ROWS.min_ms, NO_ROWS.max_ms)


def placed(path: Path, footer: Footer, runs: RowRuns, gap: int) -> tuple[Int64s, Int64s]:
    """The times and bits of rows that are put in place with so much room between two runs."""
    counts = runs.ends - runs.firsts
    places = np.concatenate([[0], np.cumsum(counts + gap)]).astype(np.int64)
    times = np.full(places[-1], UNTOUCHED, np.int64)
    bits = times.copy().view(np.uint64)
    target = Target(runs.firsts, runs.ends, places[:-1], times, bits)
    with GroupFile(path, footer) as opened:
        for run in opened.neighbours(groups_with(runs, footer.offsets), 1 << 30):
            opened.place(run, target)
    return times, bits.view(np.int64)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, SERIES * SCRAPES), max_size=16).map(sorted),
    st.integers(0, 2),
)
def test_any_runs(file: Path, bounds: list[int], gap: int) -> None:
    rows, runs = rows_of(file.name), runs_of(bounds)
    times, bits = placed(file, read_footer(file), runs, gap)
    expected_times, expected_bits = [], []
    for first, end in zip(runs.firsts.tolist(), runs.ends.tolist(), strict=True):
        expected_times += [*rows.timestamps[first:end].tolist(), *[UNTOUCHED] * gap]
        expected_bits += [*rows.values.view(np.int64)[first:end].tolist(), *[UNTOUCHED] * gap]
    assert times.tolist() == expected_times
    assert bits.tolist() == expected_bits


def test_the_file_has_what_is_to_be_tried(file: Path) -> None:
    footer = read_footer(file)
    assert len(footer.first_ids) == (3 * SERIES if file.name == "cut" else SERIES // 2)
    assert (footer.scales < 0).any() == (file.name == "fractions")
    assert MIXED not in footer.scales


def test_bytes_that_changed_are_survived(file: Path, tmp_path: Path) -> None:
    """Checksums are for finding such damage; a read must only not fail in another way."""
    footer, data = read_footer(file), file.read_bytes()
    draw = np.random.default_rng(3)
    runs = runs_of([5, 290, 300, 3_600])
    failed = 0
    for _ in range(80):
        damaged = bytearray(data)
        damaged[draw.integers(4, int(footer.ends.max()))] ^= int(draw.integers(1, 256))
        (tmp_path / "f").write_bytes(damaged)
        try:
            placed(tmp_path / "f", footer, runs, 0)
        except FormatError:
            failed += 1
    assert failed > 0
