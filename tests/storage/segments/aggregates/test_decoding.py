"""Kernels decode row groups of aggregates to what Arrow makes of them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.downsampling.aggregates import Rows
from storage.downsampling.folding import fold
from storage.kernels.thrift import DAMAGED
from storage.segments.aggregates.columns import EVERYTHING, SOURCES, names_for, rows_of
from storage.segments.aggregates.decoding import GroupChunks, GroupDecoder, read_levels
from storage.segments.aggregates.groups import read_footer
from storage.segments.aggregates.writer import AggregateWriter
from storage.segments.encoding.groups import UnknownPage
from tests.makers.downsampling.aggregates import FINE, float_points, samples_of
from tests.twins.storage.aggregates import STALE, Point, bits_of

wanted_columns = st.one_of(st.just(sorted(EVERYTHING)), st.lists(st.sampled_from([*SOURCES])))


def chunks_of(path: Path, number: int) -> GroupChunks:
    footer = read_footer(path)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    columns = footer.starts[number], footer.sizes[number], footer.codecs[number]
    return GroupChunks(data, *columns, int(footer.rows[number]))


def assert_same(found: Rows, expected: Rows) -> None:
    for name, column, other in zip(Rows._fields, found, expected, strict=True):
        assert column.dtype == other.dtype, name
        assert column.tobytes() == np.ascontiguousarray(other).tobytes(), name


def check(series: list[list[Point]], wanted: Collection[str]) -> None:
    aggregates = fold(samples_of(series, [[] for _ in series]), FINE)
    if not len(aggregates):
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "aggregates.parquet"
        with AggregateWriter(path, group_rows=5) as writer:
            writer.write(np.arange(len(series)), aggregates)
        file = pq.ParquetFile(path)
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, names_for(wanted))
            decoder = GroupDecoder(chunks_of(path, number))
            assert decoder.ids().tolist() == table["series_id"].to_pylist()
            assert_same(decoder.rows(wanted), rows_of(table, wanted))


@settings(deadline=None)
@given(st.lists(float_points, min_size=1, max_size=3), wanted_columns)
def test_rows_are_those_that_arrow_decodes(series: list[list[Point]], wanted: list[str]) -> None:
    check(series, wanted)


def test_runs_of_values_that_follow() -> None:
    """Constants, counters, gauges, floats and ends, more than eight of each at a time."""
    random = np.random.default_rng(5)
    kinds = [
        [5.0] * 200,
        random.integers(0, 9, 200).cumsum().tolist(),
        (random.integers(0, 99, 200) / 10).tolist(),
        random.random(200).tolist(),
    ]
    series = [
        [(3 * t + 1, bits_of(float(v))) for t, v in enumerate(values)] + [(700, STALE)]
        for values in kinds
    ]
    check(series, EVERYTHING)
    check([sum(series, [])[:1] + series[1], series[3]], ["sum", "fallen"])


def levels(*content: int) -> tuple[int, list[bool]]:
    page = np.array([len(content), 0, 0, 0, *content], np.uint8)
    page.flags.writeable = False
    known = np.zeros(11, np.bool_)
    at, count = read_levels(page, known)
    assert at == DAMAGED or count == known.sum()
    return int(at), known.tolist()


def test_levels_in_runs_and_bit_by_bit() -> None:
    assert levels(11 << 1, 1) == (6, [True] * 11)
    assert levels(11 << 1, 0) == (6, [False] * 11)
    assert levels(2 << 1 | 1, 0b10101, 0b110) == (
        7, [True, False, True, False, True, False, False, False, False, True, True],
    )  # fmt: skip
    assert levels(8 << 1, 1, 1 << 1 | 1, 0b010) == (8, [True] * 8 + [False, True, False])


@pytest.mark.parametrize("content", [(), (11 << 1,), (0, 1), (2 << 1 | 1, 1), (8 << 1, 1), (255,)])
def test_levels_that_make_no_sense(content: tuple[int, ...]) -> None:
    assert levels(*content)[0] == DAMAGED


def test_damaged_pages_are_not_decoded() -> None:
    aggregates = fold(samples_of([[(t, bits_of(t / 4)) for t in range(1, 99)]], [[]]), FINE)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "aggregates.parquet"
        with AggregateWriter(path) as writer:
            writer.write(np.zeros(1, np.int64), aggregates)
        whole = chunks_of(path, 0)
    for place in range(len(whole.starts)):
        cut = whole.sizes.copy()
        cut[place] -= 1
        decoder = GroupDecoder(GroupChunks(whole.data, whole.starts, cut, whole.codecs, whole.rows))
        if place == 14:  # of the scale only the dictionary is read
            continue
        with pytest.raises(UnknownPage):
            decoder.ids()
            decoder.rows(EVERYTHING)
