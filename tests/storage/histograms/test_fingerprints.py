"""Fingerprints: equal for equal contents, different for everything that differs."""

from __future__ import annotations

import numpy as np

from storage.histograms.fingerprints import fingerprints
from tests.makers.histograms import EXAMPLES, columns


def test_what_differs_has_another_fingerprint_wherever_it_stands() -> None:
    found = fingerprints(columns(EXAMPLES), np.arange(len(EXAMPLES)))
    assert len(set(found.tolist())) == len(EXAMPLES)
    backwards = fingerprints(columns(EXAMPLES[::-1]), np.arange(len(EXAMPLES))[::-1].copy())
    assert backwards.tolist() == found.tolist()


def test_the_hint_does_not_count() -> None:
    hinted = [h._replace(hint=3) for h in EXAMPLES]
    rows = np.arange(len(EXAMPLES))
    assert (fingerprints(columns(hinted), rows) == fingerprints(columns(EXAMPLES), rows)).all()


def test_fingerprints_are_on_disk_and_stay_what_they_are() -> None:
    found = fingerprints(columns(EXAMPLES), np.array([0, 7]))
    assert [hex(f) for f in found.tolist()] == ["0x853fe90af3f69c6e", "0xb85890a2dfda749a"]
