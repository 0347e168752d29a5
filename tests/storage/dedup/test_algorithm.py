"""The names of the algorithms, and how far they look."""

from __future__ import annotations

import pytest

from storage.dedup.algorithm import Algorithm, parse_algorithm, reach_ms


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_has_its_name(algorithm: Algorithm) -> None:
    assert parse_algorithm(algorithm.value) is algorithm


@pytest.mark.parametrize("name", ["", "AUTO", "true", "vm"])
def test_other_names_are_refused_and_the_allowed_ones_said(name: str) -> None:
    with pytest.raises(ValueError, match="allowed are auto, penalty, chain"):
        parse_algorithm(name)


@pytest.mark.parametrize(
    ("algorithm", "replicas", "minutes"),
    [
        (Algorithm.AUTO, 1, 0),
        (Algorithm.AUTO, 2, 10),
        (Algorithm.AUTO, 3, 14),
        (Algorithm.PENALTY, 2, 0),
        (Algorithm.CHAIN, 3, 0),
    ],
)
def test_reach(algorithm: Algorithm, replicas: int, minutes: int) -> None:
    assert reach_ms(algorithm, replicas) == minutes * 60_000
