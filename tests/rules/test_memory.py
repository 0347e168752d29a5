"""Samples in memory: what is seen when, and what may be written."""

import numpy as np
import pytest

from rules.evaluation.rows import label_rows
from rules.memory import MemoryStore
from rules.unit_tests.natives import parse_native
from storage.histograms.columns import HINT_NOT_RESET, HINT_UNKNOWN
from storage.histograms.histograms import Parts
from storage.kernels.stale import STALE_NAN
from storage.labels.matchers import Matcher

A, B = {"__name__": "a", "x": "1"}, {"__name__": "a", "x": "2"}


def store() -> MemoryStore:
    made = MemoryStore()
    made.put(A, [(0, 1.0), (10, 2.0), (20, 3.0)])
    made.put(B, [(10, 5.0)])
    made.until_ms = 100
    return made


def test_selecting() -> None:
    found = store().select([Matcher("__name__", "=", "a"), Matcher("x", "!=", "2")], 5, 20)
    assert label_rows(found.labels) == [A]
    samples = found.read(0, 1)
    assert samples.timestamps.tolist() == [10, 20]
    assert samples.values.tolist() == [2.0, 3.0]
    everything = store().select([Matcher("x", "=~", ".*")], 0, 100).read(0, 2)
    assert everything.offsets.tolist() == [0, 3, 4]


def test_the_future_is_not_seen() -> None:
    data = store()
    data.until_ms = 10
    assert data.select([], 0, 100).read(0, 2).timestamps.tolist() == [0, 10, 10]


def test_appending() -> None:
    data = store()
    assert data.append(A, 30, 4.0) == ""
    assert data.append({"__name__": "new"}, 5, 1.0) == ""
    assert data.append(A, 30, 4.0) == ""
    assert data.append(A, 30, 5.0) == (
        "duplicate sample for timestamp 30; overrides not allowed: existing 4, new value 5"
    )
    assert data.append(A, 0, 5.0) == "duplicate sample for timestamp"
    assert data.append(A, 30, Parts()) == "duplicate sample for timestamp"
    assert data.select([], 0, 100).read(0, 3).timestamps.tolist() == [0, 10, 20, 30, 10, 5]


def test_stale_markers_do_not_replace_samples() -> None:
    data = store()
    key = tuple(sorted(A.items()))
    data.end(key, 20)
    data.end(key, 30)
    values = data.select([Matcher("x", "=", "1")], 0, 100).read(0, 1).values
    assert values[:3].tolist() == [1.0, 2.0, 3.0]
    assert values[3:].tobytes() == np.float64(STALE_NAN).tobytes()


def test_histograms_say_what_the_one_before_was() -> None:
    data = MemoryStore()
    data.until_ms = 100
    texts = ("count:1 sum:1 buckets:[1]", "count:2 sum:2 buckets:[2]", "count:1 sum:1 buckets:[1]")
    data.put(A, [(i, parse_native(text)) for i, text in enumerate(texts)])
    natives = data.select([], 0, 100).read(0, 1).natives
    assert natives is not None
    hints = natives.histograms.hints[natives.rows].tolist()
    # After a reset nothing is claimed, as in what is stored.
    assert hints == [HINT_UNKNOWN, HINT_NOT_RESET, HINT_UNKNOWN]
    data.put(B, [(0, 1.0), (1, parse_native(texts[0]))])
    natives = data.select([Matcher("x", "=", "2")], 0, 100).read(0, 1).natives
    assert natives is not None
    assert natives.mask.tolist() == [False, True]


@pytest.mark.parametrize("rows", [(0, 0), (1, 1)])
def test_no_rows(rows: tuple[int, int]) -> None:
    assert len(store().select([], 0, 100).read(*rows)) == 0
