"""Families: by name, without what has none, floats and histograms apart."""

import numpy as np

from api.answers.exposition.scrape import Scrape, merged
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols

ROWS = [
    {"__name__": "z", "A": "1"},
    {"job": "no name"},
    {"__name__": "a", "x": "2"},
    {"__name__": "a", "x": "1"},
    {"__name__": "a", "x": "3"},
]


def scrape() -> Scrape:
    labels = LabelFrame.from_dicts(Symbols(), ROWS)
    rows = np.full(5, NO_HISTOGRAM, np.int32)
    rows[2] = 0
    natives = Natives(from_parts([Parts(count=1)]), rows)
    return Scrape(labels, np.arange(5), np.arange(5.0), natives)


def test_rows_in_families() -> None:
    found = scrape().in_families()
    assert found.values.tolist() == [3, 2, 4, 0]
    assert found.family_starts().tolist() == [0, 1, 2, 3]
    assert found.are_native.tolist() == [False, True, False, False]


def test_histograms_of_parts_under_each_other() -> None:
    first = Natives(from_parts([Parts(count=1)]), np.array([NO_HISTOGRAM, 0], np.int32))
    second = Natives(from_parts([Parts(count=2), Parts(count=3)]), np.array([1, 0], np.int32))
    natives = merged([first, None, second], [2, 1, 2])
    assert natives is not None
    assert natives.rows.tolist() == [-1, 0, -1, 2, 1]
    assert natives.histograms.counts.tolist() == [1, 2, 3]
    assert merged([None, None], [1, 1]) is None
