"""What is quick is what was quick the last time."""

import time

import pytest

from api.promql.errors import QueryCanceled
from api.web.quick_jobs import QuickJobs, thread_usage


class Clock:
    """A clock that the jobs of a test set forward, and what their thread did meanwhile."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.computed, self.waits = 0.0, 0

    def __call__(self) -> float:
        return self.seconds

    def usage(self) -> tuple[float, int]:
        return self.computed, self.waits

    def job(self, seconds: float, put_off: float = 0.0, waits: int = 0) -> str:
        """One that computes for `seconds`, and is put off by other programs or waits."""
        self.seconds += seconds + put_off
        self.computed += seconds
        self.waits += waits
        return "done"


def test_a_kind_is_as_quick_as_its_latest_job() -> None:
    clock = Clock()
    jobs = QuickJobs(clock=clock, usage=clock.usage)
    assert 1 not in jobs
    for seconds, is_quick in ((0.0005, True), (0.002, False), (0.0, True), (0.001001, False)):
        assert jobs.run(1, lambda taken=seconds: clock.job(taken)) == "done"
        assert (1 in jobs) is is_quick
    assert 2 not in jobs


@pytest.mark.parametrize(
    ("seconds", "put_off", "waits", "is_quick"),
    [(0.0005, 5.0, 0, True), (0.0005, 0.0002, 3, True), (0.0005, 5.0, 1, False),
     (0.0011, 0.0, 0, False), (0.0011, 5.0, 0, False), (0.0, 0.0011, 1, False)],
)  # fmt: skip
def test_the_turns_of_other_programs_do_not_count(
    seconds: float, put_off: float, waits: int, is_quick: bool
) -> None:
    clock = Clock()
    jobs = QuickJobs(clock=clock, usage=clock.usage)
    jobs.run(1, lambda: clock.job(seconds, put_off, waits))
    assert (1 in jobs) is is_quick


def test_waiting_is_seen_and_computing_is_measured() -> None:
    seconds, waits = thread_usage()
    time.sleep(0.001)
    assert thread_usage()[1] > waits
    while thread_usage()[0] < seconds + 0.002:
        pass


def test_a_job_that_fails_has_its_time_too() -> None:
    clock = Clock()
    jobs = QuickJobs(clock=clock, usage=clock.usage)

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


def test_what_is_given_up_is_not_quick() -> None:
    """A client that has left before its query began would make it look so."""
    jobs = QuickJobs(quick_s=60.0)

    def given_up() -> None:
        raise QueryCanceled("query was canceled in expression evaluation")

    jobs.run(1, lambda: None)
    assert 1 in jobs
    for kind in (1, 2):
        with pytest.raises(QueryCanceled):
            jobs.run(kind, given_up)
        assert kind not in jobs
