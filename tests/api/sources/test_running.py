"""Requests under way and slow ones: who sees them, how many are kept, and how one is ended."""

import logging
from dataclasses import dataclass

import pytest

from api.promql.meter import Meter
from api.sources.running import TEXT_CHARS_MAX, Running

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {
    "X-Dashboard-Uid": "d",
    "X-Panel-Id": "7",
    "Cookie": "secret",
    "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-00",
}


@dataclass
class Turn:
    """One that notes that it was stopped."""

    queued_seconds: float = 0.5
    meter: Meter | None = None
    stopped: bool = False

    def stop(self) -> None:
        self.stopped = True


def test_who_sees_a_request_and_who_may_end_it() -> None:
    running, turn = Running(now_ms=lambda: 5), Turn(meter=Meter(prepare_s=1.5, peak_samples=3))
    with running.computing("query", ("a", "b"), "up", HEADERS, turn=turn) as entry:
        (seen,) = running.active(["a", "b", "c"])
        assert seen is entry
        assert (entry.started_ms, entry.text) == (5, "up")
        assert entry.trace == TRACE_ID
        assert entry.origin == {"dashboard": "d", "panel": "7"}
        assert (entry.phases["queued"], entry.phases["preparing"]) == (0.5, 1.5)
        assert entry.peak_samples == 3
        assert running.active(["a"]) == []
        assert not running.stop(entry.number, ["a"])
        assert not running.stop(entry.number + 1, ["a", "b"])
        assert not turn.stopped
        assert running.stop(entry.number, ["b", "a"])
        assert turn.stopped
    assert running.active(["a", "b"]) == []
    assert not running.stop(entry.number, ["a", "b"])


def test_slow_ones_are_kept_up_to_a_number(caplog: pytest.LogCaptureFixture) -> None:
    running = Running(slow_s=1e-9, kept_max=2)
    with caplog.at_level(logging.WARNING, "api.sources.running"):
        for text in ("one", "two", "x" * 2 * TEXT_CHARS_MAX):
            with running.computing("query", ("a",), text, HEADERS, turn=Turn()) as entry:
                entry.answer_bytes = 9
    assert [len(entry.text) for entry in running.slow(["a"])] == [TEXT_CHARS_MAX, 3]
    assert running.slow(["b"]) == []
    assert all(entry.turn is None for entry in running.slow(["a"]))
    first = caplog.records[0].getMessage()
    assert first.startswith("slow query tenants=a endpoint=query seconds=")
    assert "dashboard=d panel=7 error= query='one'" in first
    assert "secret" not in first


def test_errors_are_noted_and_quick_ones_are_not_kept() -> None:
    running = Running(slow_s=1e-9)
    with (
        pytest.raises(KeyError),
        running.computing("query", ("a",), "up", {}, turn=Turn()),
    ):
        raise KeyError
    (entry,) = running.slow(["a"])
    assert entry.error == "KeyError"
    for slow_s in (0.0, 60.0):
        quick = Running(slow_s=slow_s)
        with quick.computing("query", ("a",), "up", {}, turn=Turn()):
            pass
        assert quick.slow(["a"]) == []
