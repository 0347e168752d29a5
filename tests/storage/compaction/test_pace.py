"""Work rests as long as its share of time and of the disk ask for, and stops when it is to."""

from __future__ import annotations

import threading

import pytest

from storage.compaction.pace import REST_SECONDS_MAX, Pace, Stopped, unhurried


@pytest.mark.parametrize(
    ("share", "limit", "spent", "worked", "owed"),
    [
        (100, 0, 1 << 40, 5.0, 0.0),
        (50, 0, 0, 2.0, 2.0),
        (25, 0, 0, 2.0, 6.0),
        (100, 100, 1000, 4.0, 6.0),
        (100, 100, 1000, 40.0, 0.0),
        (50, 100, 1000, 4.0, 6.0),
        (50, 100, 1000, 8.0, 8.0),
        (1, 0, 0, 60.0, REST_SECONDS_MAX),
    ],
)
def test_what_is_owed(share: int, limit: int, spent: int, worked: float, owed: float) -> None:
    pace = Pace(threading.Event(), bytes_per_second=limit, share=share)
    pace.spend(spent)
    assert pace.owed(worked) == pytest.approx(owed)


def test_each_turn_pays_for_itself() -> None:
    pace = Pace(threading.Event(), bytes_per_second=1 << 30)
    pace.spend(1 << 20)
    pace.rest()
    assert pace.owed(0.0) == 0
    assert pace.rested_seconds > 0


def test_work_stops_when_the_database_closes() -> None:
    closing = threading.Event()
    pace = Pace(closing)
    pace.rest()
    closing.set()
    with pytest.raises(Stopped):
        pace.rest()


def test_nothing_is_owed_where_no_one_waits() -> None:
    pace = unhurried()
    pace.spend(1 << 50)
    assert pace.owed(100.0) == 0
