"""What was found, summed up."""

from rules.replay.outcome import Failure, failures_of
from rules.replay.slots import Slots


def test_failures_that_follow_each_other_are_one() -> None:
    slots = Slots(7_000, 60_000, 10)
    errors = {5: "b", 0: "a", 1: "a", 3: "a", 4: "b"}
    assert failures_of(slots, errors) == [
        Failure(7_000, 67_000, 2, "a"),
        Failure(187_000, 187_000, 1, "a"),
        Failure(247_000, 307_000, 2, "b"),
    ]
    assert failures_of(slots, {}) == []
