"""Token buckets: what passes over time, and what a refused request is told."""

from __future__ import annotations

import pytest

from receiver.limits.rates import Rates


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("requests", "waits"),
    [
        ([(0, 20), (0, 1)], [0, 0.1]),
        ([(0, 20), (1, 10), (1, 1)], [0, 0, 0.1]),
        ([(0, 15), (0, 15), (1, 15)], [0, 1.0, 0]),
        ([(0, 50), (2, 1), (3, 1), (3.1, 1)], [0, 1.1, 0.1, 0]),  # larger than the burst: in debt
        ([(0, 5), (100, 20), (100, 1)], [0, 0, 0.1]),  # never fuller than the burst
        ([(5, 20), (4, 1), (5.5, 5)], [0, 0.1, 0]),  # a clock that goes back
    ],
)
def test_a_bucket_lets_through_rate_and_burst(
    requests: list[tuple[float, int]], waits: list[float]
) -> None:
    clock = Clock()
    bucket = Rates(clock)
    found = []
    for clock.now_s, count in requests:
        found.append(bucket.take("t", count, rate=10, burst=20))
    assert found == pytest.approx(waits)


def test_tenants_have_buckets_of_their_own_and_no_rate_is_no_limit() -> None:
    bucket = Rates(Clock())
    assert bucket.take("a", 1, rate=1, burst=1) == 0
    assert bucket.take("a", 1, rate=1, burst=1) == 1
    assert bucket.take("b", 1, rate=1, burst=1) == 0
    assert bucket.take("c", 10**9, rate=0, burst=0) == 0
    assert len(bucket) == 2


def test_buckets_are_bounded() -> None:
    bucket = Rates(Clock(), tenants_max=2)
    for tenant in "abac":
        bucket.take(tenant, 1, rate=1, burst=2)
    assert len(bucket) == 2
    assert bucket.take("a", 1, rate=1, burst=2) > 0
    assert bucket.take("b", 1, rate=1, burst=2) == 0
