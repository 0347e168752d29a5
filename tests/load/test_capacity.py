"""Capacity is told by its own table, and a failure is told and fails the run."""

from pathlib import Path

import capacity
import pytest
from bodies import Shape
from capacity import (
    QUICK,
    Capacity,
    Replay,
    capacity_table,
    measure,
    replayed,
    taken_whole,
    targets,
)
from report import Ingest
from sender import Result
from servers import PROGRAMS, ServerError

LOG = (
    'ts=1 level=info logger=storage.recovery msg="log replayed" shard=2 records=72 samples=1000 '
    "series=50 seconds=0.25\n"
    'ts=1 level=info logger=storage.database msg="database open" shards=4 seconds=9.0\n'
    'ts=2 level=info logger=storage.recovery msg="log replayed" shard=3 records=1 samples=200 '
    "series=5 seconds=0.50\n"
)


def run(wall_s: float, *, statuses: dict[str, int] | None = None) -> Ingest:
    sent = Result(wall_s, wall_s / 10, 0.1, 0.0, 60, statuses or {"204": 60}, "why")
    return Ingest(8, 400_000, 6_000_000, sent, 2 * wall_s, 1 << 30)


def test_replayed_sums_up_the_shards() -> None:
    assert replayed(LOG) == (1_200, 0.75)
    assert replayed("") == (0, 0)


def test_a_refusal_is_an_error() -> None:
    assert taken_whole(run(1.0)) == run(1.0)
    with pytest.raises(ServerError, match="3 requests refused, first why"):
        taken_whole(run(1.0, statuses={"204": 57, "503": 3}))


def test_targets_and_table_tell_what_was_measured() -> None:
    replay = Replay(12_000_000, 3.0, 3.5, 100 << 20, 105 << 20)
    found = Capacity(run(2.0), run(1.0), run(3.0), run(6.0), run(2.0), replay)
    assert [(t.got, t.met) for t in targets(found)] == [
        ("2.00x", True),
        ("0.50x", False),
        ("200,000", True),
        ("4,000,000", True),
        ("1,024 MiB", True),
        ("1.05x", True),
    ]
    text = "\n".join(capacity_table(found))
    assert "| 6,000,000 |    4,000,000 |   1.00 |" in text
    assert "| replay of the log" in text
    assert "had a peak of 100 MiB" in text


def test_nothing_measured_is_no_target_met() -> None:
    assert {t.met for t in targets(Capacity())} == {None}
    assert "PROBLEM: capacity: gone" in capacity_table(Capacity(error="gone"))


def test_a_failure_ends_up_in_the_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ServerError("it is gone")

    monkeypatch.setattr(capacity, "measure_all", fail)
    assert measure(PROGRAMS[0], tmp_path, Shape(), QUICK).error == "ServerError: it is gone"
