"""What a replay is asked for."""

import pytest

from receiver.replaying.wishes import Wishes
from rules.replay.alerting import Surroundings
from rules.replay.slots import Period

DAY_MS = 86_400_000
NOW_MS = 1_793_527_200_000
DEFAULTS = Period(0, 0, 60_000, 5_000)


def test_the_last_day_is_what_is_replayed() -> None:
    period = Wishes().period(NOW_MS, "t", DEFAULTS)
    assert period == Period(NOW_MS - DAY_MS, NOW_MS, 60_000, 5_000, {}, "t")


def test_all_of_it() -> None:
    wishes = Wishes(
        "2026-11-01T10:00:00Z", "1793530800", "30s", "1m", "http://x",
        ["a=b=1.5", "g=1793527200"], ["region=eu=1", "empty="],
    )  # fmt: skip
    phases = {"a=b": 1_500, "g": 1_793_527_200_000}
    expected = Period(1_793_527_200_000, 1_793_530_800_000, 30_000, 60_000, phases, "t")
    assert wishes.period(NOW_MS, "t", DEFAULTS) == expected
    around = wishes.around(Surroundings({"usual": "x"}, "http://y", 7))
    assert around.external_labels == {"region": "eu=1", "empty": ""}
    assert (around.external_url, around.resend_ms) == ("http://x", 7)


@pytest.mark.parametrize(
    ("wishes", "error"),
    [
        (Wishes(start="2", end="1"), "end timestamp must not be before start time"),
        (Wishes(start="x"), 'cannot parse "x" to a valid timestamp'),
        (Wishes(start="-9e15", end="1"), "start and end must be within"),
        (Wishes(interval="5x"), "unknown unit"),
        (Wishes(interval="0s"), "interval: got '0s'; allowed is more than 0"),
        (Wishes(query_offset="1.5m"), "unknown unit"),
        (Wishes(phases=["g"]), "phase: got 'g'; allowed is NAME=VALUE"),
        (Wishes(phases=["=5"]), "phase: got '=5'"),
        (Wishes(phases=["g=y"]), 'cannot parse "y"'),
    ],
)
def test_what_cannot_be(wishes: Wishes, error: str) -> None:
    with pytest.raises(ValueError, match=error.replace("'", ".")):
        wishes.period(NOW_MS, "t", DEFAULTS)


def test_labels_have_names() -> None:
    with pytest.raises(ValueError, match="external label: got 'x'; allowed is NAME=VALUE"):
        Wishes(external_labels=["x"]).around()
