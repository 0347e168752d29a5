"""Histograms as messages: read in plain Python, field by field."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers.wire.histograms import HistogramMessages
from storage.histograms.columns import HINT_GAUGE
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.remote_read import histogram_of
from tests.makers.bodies.v1 import fields_of


def read(parts: list[Parts]) -> list[bytes]:
    messages = HistogramMessages.of(from_parts(parts), np.arange(len(parts)))
    pairs = zip(messages.starts[:-1], messages.starts[1:], strict=True)
    return [bytes(messages.content[a:b]) for a, b in pairs]


def check(part: Parts, message: bytes) -> None:
    _, found = histogram_of(message)
    bits = [np.float64(number).view(np.uint64) for number in (part.sum, found.sum)]
    assert bits[0] == bits[1]
    kept = [sorted((i, c) for i, c in side if c) for side in (part.positive, part.negative)]
    wanted = replace(part, sum=0, positive=kept[0], negative=kept[1], bounds=list(part.bounds))
    assert replace(found, sum=0) == wanted


CASES = [
    Parts(),
    Parts(3, 9, -2.5, 0.001, 2, [(-4, 1), (-3, 2), (0, 4)], [(7, 0.0)]),
    Parts(3, 9.5, 2.5, 0.001, 2, [(-4, 1.5)], [(1, 2), (2, 4)], hint=HINT_GAUGE),
    Parts(-53, 6, 3.25, 0, 0, [(0, 1), (1, 2), (5, 3)], (), (0.005, 0.25, 1, 2.5, 1 / 3)),
    Parts(0, 5, STALE_NAN),
    Parts(8, 2.0**53, 1.0, 0, 0, [(1 << 20, 2.0**53)]),
    Parts(-4, 1e300, 1.0, 0, 0, [(1, 1e300)]),
]


@pytest.mark.parametrize("part", CASES)
def test_messages(part: Parts) -> None:
    for message in read([part, *CASES, part])[:: len(CASES) + 1]:
        check(part, message)


def test_whole_counts_are_integers_and_others_floats() -> None:
    whole, parted = read([Parts(count=2, positive=[(1, 2)]), Parts(count=2, positive=[(1, 1.5)])])
    assert {1, 6, 12} <= {number for number, _ in fields_of(whole)}
    assert {2, 7, 13} <= {number for number, _ in fields_of(parted)}


counts = st.one_of(st.integers(0, 1 << 53).map(float), st.floats(0, 1e300))
sides = st.dictionaries(st.integers(-(1 << 20), 1 << 20), counts, max_size=20).map(
    lambda found: sorted(found.items())
)


@settings(deadline=None)
@given(st.lists(st.builds(Parts, st.integers(-4, 8), counts, positive=sides, negative=sides)))
def test_any_histograms(parts: list[Parts]) -> None:
    for part, message in zip(parts, read(parts), strict=True):
        check(part, message)
