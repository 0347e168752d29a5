"""What is quick is what was quick the last time."""

import pytest

from api.web.quick_jobs import QuickJobs


class Clock:
    """A clock that the jobs of a test set forward."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds

    def job(self, seconds: float) -> str:
        self.seconds += seconds
        return "done"


def test_a_kind_is_as_quick_as_its_latest_job() -> None:
    clock = Clock()
    jobs = QuickJobs(clock=clock)
    assert 1 not in jobs
    for seconds, is_quick in ((0.0005, True), (0.002, False), (0.0, True), (0.001001, False)):
        assert jobs.run(1, lambda taken=seconds: clock.job(taken)) == "done"
        assert (1 in jobs) is is_quick
    assert 2 not in jobs


def test_a_job_that_fails_has_its_time_too() -> None:
    clock = Clock()
    jobs = QuickJobs(clock=clock)

    def fail() -> None:
        clock.job(0.0001)
        raise ValueError

    with pytest.raises(ValueError):
        jobs.run(1, fail)
    assert 1 in jobs


def test_few_kinds_are_remembered() -> None:
    jobs = QuickJobs(kinds_max=2, clock=Clock())
    for kind in (1, 2, 1, 3):
        jobs.run(kind, lambda: None)
    assert [kind in jobs for kind in (1, 2, 3)] == [True, False, True]
