"""Label queries see no series whose samples are all deleted, and every one that has some left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.read import existence
from tests.makers.databases import WHOLE, opened, seal, series, write

UP = Matcher("__name__", "=", "up")
POINTS = [(t, 1.0) for t in (0, 10, 20, 30)]


def shown(database: Database, span: tuple[int, int] = WHOLE) -> list[str]:
    frame = database.querier("t", replica_labels=(), dedup=True).series([(UP,)], *span)
    return frame.values_of("i")


def test_a_series_without_samples_vanishes_from_names_and_values(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", POINTS, i="1", only="here"), series("up", POINTS, i="2")])
        database.deletions.delete_series("t", ((Matcher("i", "=", "1"),),), 0, 30)
        frame = database.querier("t", replica_labels=(), dedup=True).series([], *WHOLE)
        assert (frame.rows, list(frame.names)) == (1, ["__name__", "i"])
        write(database, [series("up", [(40, 1.0)], i="1", only="here")])
        assert shown(database) == ["1", "2"]
        assert shown(database, (0, 35)) == ["2"]


@pytest.mark.parametrize(
    ("deleted", "span", "is_left"),
    [
        ([(0, 29)], WHOLE, True),
        ([(0, 29)], (0, 29), False),
        ([(5, 30)], (0, 30), True),
        ([(0, 10), (20, 30)], WHOLE, False),
        ([(0, 5), (6, 35)], WHOLE, False),
        ([(0, 0), (30, 30)], WHOLE, True),  # only samples between the ends
        ([(0, 10), (30, 30)], (0, 19), False),
        ([(0, 10), (30, 30)], (0, 20), True),
        ([(0, 0), (20, 30)], (5, 9), False),
    ],
)
def test_what_is_left_decides(
    tmp_path: Path, deleted: list[tuple[int, int]], span: tuple[int, int], is_left: bool
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", POINTS, i="1"), series("up", POINTS, i="2")])
        for part in deleted:
            database.deletions.delete_series("t", ((Matcher("i", "=", "1"),),), *part)
        assert ("1" in shown(database, span)) is is_left
        database.deletions.clean("t")
        if span == WHOLE:
            assert ("1" in shown(database, span)) is is_left


def test_each_segment_is_judged_by_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for start in (0, 100):
            for i in "12":
                write(database, [series("up", [(start + t, v) for t, v in POINTS], i=i)])
            seal(database)
        database.deletions.delete_series("t", ((Matcher("i", "=", "1"),),), 0, 30)
        assert shown(database) == ["1", "2"]
        assert shown(database, (0, 99)) == ["2"]


def test_too_many_in_doubt_count_as_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", POINTS, i=i) for i in "123"])
        database.deletions.delete_series("t", ((UP,),), 0, 10)
        assert shown(database, (0, 15)) == []
        monkeypatch.setattr(existence, "SERIES_AT_ONCE", 2)
        assert shown(database, (0, 15)) == []
        monkeypatch.setattr(existence, "EXACT_SERIES_MAX", 2)
        assert shown(database, (0, 15)) == ["1", "2", "3"]


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30), unique=True))
def test_ids_are_found_in_any_order(ids: list[int], found: list[int]) -> None:
    wanted, known = np.array(ids, np.int64), np.array(sorted(found), np.int64)
    for order in (wanted, np.sort(wanted)):
        assert existence.are_among(order, known).tolist() == np.isin(order, known).tolist()
