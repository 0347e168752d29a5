"""Native histograms to try things on: random ones, and one compared bit for bit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import strategies as st

from storage.histograms.columns import Histograms
from storage.histograms.histograms import Parts, from_parts, parts_of

CUSTOM_SCHEMA = -53
COUNTS = st.one_of(
    st.integers(1, 20).map(float), st.floats(0.001, 1e6), st.sampled_from([1e100, 1e-100])
)
HINTS = st.sampled_from(range(4))
BOUNDS = st.lists(st.sampled_from([-5.0, -1.0, 0.0, 0.5, 1.0, 2.5, 10.0]), unique=True).map(sorted)


def sides(low: int, high: int) -> st.SearchStrategy[list[tuple[int, float]]]:
    return st.dictionaries(st.integers(low, high), COUNTS, max_size=8).map(
        lambda buckets: sorted(buckets.items())
    )


@st.composite
def exponential(draw: st.DrawFn) -> Parts:
    return Parts(
        draw(st.integers(-2, 4)),
        draw(COUNTS),
        draw(st.floats(-1e6, 1e6)),
        draw(st.sampled_from([0.0, 0.001, 0.5, 1.0, 1.5, 3.0])),
        draw(st.one_of(st.just(0.0), COUNTS)),
        draw(sides(-6, 12)),
        draw(sides(-6, 12)),
        (),
        draw(HINTS),
    )


@st.composite
def customary(draw: st.DrawFn) -> Parts:
    bounds = draw(BOUNDS)
    return Parts(
        CUSTOM_SCHEMA,
        draw(COUNTS),
        draw(st.floats(-1e6, 1e6)),
        positive=draw(sides(0, len(bounds))),
        bounds=bounds,
        hint=draw(HINTS),
    )


def parts() -> st.SearchStrategy[Parts]:
    return st.one_of(exponential(), customary())


def grown(p: Parts, amounts: Iterable[float]) -> Parts:
    """A histogram that may come after p in a series of a counter."""
    more = list(amounts)
    positive = [(i, c + more[0]) for i, c in p.positive]
    return Parts(
        p.schema,
        p.count + more[1],
        p.sum,
        p.zero_threshold,
        p.zero_count + more[2],
        positive,
        p.negative,
        p.bounds,
        p.hint,
    )


def same(got: Histograms, row: int, wanted: Parts) -> None:
    """Assert that a row is this histogram, bit for bit."""
    assert flat(parts_of(got, row)) == flat(parts_of(from_parts([wanted]), 0))


def flat(p: Parts) -> tuple[object, ...]:
    numbers = [p.count, p.sum, p.zero_threshold, p.zero_count]
    numbers += [c for _, c in (*p.positive, *p.negative)] + list(p.bounds)
    indexes = [i for i, _ in p.positive], [i for i, _ in p.negative]
    bits = np.array([0.0 if v == 0 else v for v in numbers]).view(np.uint64).tolist()
    return (p.schema, p.hint, indexes, bits)
