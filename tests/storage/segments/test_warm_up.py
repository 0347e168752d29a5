"""Warming up calls the kernels on the way of a sealed sample; what it computes does not matter."""

from __future__ import annotations

import numpy as np
import pytest

from storage.samples import edges
from storage.samples.samples import Samples
from storage.segments import contradictions, runs
from storage.segments.encoding import edging, pages, scaling
from storage.segments.warm_up import example_file, read_first, read_sealed

IDS = np.array([3, 7])
SAMPLES = Samples(np.array([0, 2, 4]), np.array([10, 20, 10, 20]), np.array([1.5, 2, 3, 4]))
FIRST = (
    runs.find_series,
    runs.find_groups,
    pages.decode_groups,
    pages.read_page_header,
    pages.decode_delta,
    scaling.from_integers,
    edging.edge_groups,
    edges.take_series,
    edges.close_edges,
)


def test_kernels_of_a_first_query_are_called() -> None:
    read_first(IDS, SAMPLES)
    for kernel in FIRST:
        assert kernel.overloads, f"{kernel} was not called"  # type: ignore[attr-defined]


def test_kernels_of_sealing_are_called() -> None:
    read_sealed(IDS, SAMPLES)
    for kernel in (runs.find_runs, runs.merge_runs, contradictions.find_losers):
        assert kernel.overloads or kernel.inners  # type: ignore[attr-defined]


@pytest.mark.parametrize("values", [SAMPLES.values, np.sqrt(SAMPLES.values)])
def test_the_example_is_a_file_of_all_samples(values: np.ndarray) -> None:
    samples = Samples(SAMPLES.offsets, SAMPLES.timestamps, values)
    file, footer = example_file(np.repeat(IDS, 2), samples)
    assert (footer.rows, file[:4].tobytes()) == (4, b"PAR1")
