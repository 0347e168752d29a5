"""What goes into a segment of aggregates."""

from __future__ import annotations

import numpy as np

from storage.compaction.downsampling.sources import spread
from storage.downsampling.folding import fold
from tests.makers.downsampling.aggregates import FINE, kept_of, samples_of, windows_of
from tests.twins.storage.aggregates import bits_of


def test_series_without_windows_come_between() -> None:
    one = bits_of(1.0)
    samples = samples_of([[(1, one)], [(2, one), (15, one)]], [[], [(5, 3.0)]])
    found = fold(samples, FINE)
    known = np.array([False, True, False, False, True])
    wide = spread(found, known)
    rows, kept = windows_of(found), kept_of(found.histograms, 2)
    assert windows_of(wide) == [[], rows[0], [], [], rows[1]]
    assert kept_of(wide.histograms, 5) == [[], kept[0], [], [], kept[1]]
    assert spread(found, np.array([True, True])) is found
