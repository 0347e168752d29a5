"""Where the bounds of native histogram buckets are."""

import math

import pytest

from storage.histograms.buckets import LARGEST, bound_of, reduced_index


@pytest.mark.parametrize(
    ("index", "schema", "bound"),
    [
        (0, 0, 1.0),
        (1, 0, 2.0),
        (-3, 0, 0.125),
        (2, -1, 16.0),
        (-1, -4, 2.0**-16),
        (1, 1, 1.414213562373095),
        (3, 2, 1.6817928305074288),
        (7, 3, 1.8340080864093422),
        (1, 8, 1.0027112750502025),
        (2, 8, 1.0054299011128027),
        (255, 8, 1.9945921121709396),
        (8190, 3, 1.5116737128319336e308),
        (1024, 0, LARGEST),
        (1025, 0, math.inf),
        (64, -4, LARGEST),
        (65, -4, math.inf),
        (262144, 8, LARGEST),
        (262145, 8, math.inf),
        (-1074, 0, 5e-324),
    ],
)
def test_bounds_are_those_that_prometheus_shows(index: int, schema: int, bound: float) -> None:
    assert bound_of(index, schema) == bound


@pytest.mark.parametrize("schema", range(9))
def test_bounds_are_powers_of_the_base(schema: int) -> None:
    for index in range(-300, 300, 7):
        assert bound_of(index, schema) == pytest.approx(2.0 ** (index / 2**schema), rel=2e-15)


@pytest.mark.parametrize("schema", range(-3, 9))
def test_a_coarser_bucket_holds_the_finer_one(schema: int) -> None:
    for index in range(-40, 40):
        wide = reduced_index(index, 1)
        assert bound_of(wide - 1, schema - 1) <= bound_of(index - 1, schema)
        assert bound_of(index, schema) <= bound_of(wide, schema - 1)
