"""Alerts of which only series are known go on where these say they were."""

from __future__ import annotations

import pytest

from rules.evaluation.alerts import State
from tests.makers.rules.ruling import ALERT, MINUTE, START, World, every, run_at

LONG = ALERT.replace("for: 3m", "for: 30m")
SERIES = {
    "__name__": "ALERTS_FOR_STATE", "alertname": "High", "severity": "page", "job": "x"
}  # fmt: skip


def world_of(since: int, last: int) -> World:
    """An alert that was active since some minute, and was written until another; START is 0."""
    world = World()
    world.put({"__name__": "m", "job": "x"}, every(MINUTE, 90 * MINUTE, 2.0))
    samples = [(at * MINUTE, float(START // 1000 + since * 60)) for at in range(since, last + 1)]
    world.put(SERIES, samples)
    return world


@pytest.mark.parametrize(
    ("since", "last", "active"),
    [
        (-20, -5, -13),  # the outage, up to the evaluation that restores, does not count
        (-45, -5, -45),  # it was firing
        (-28, -5, 2 + 10 - 30),  # it would have fired soon: in ten minutes
        (-90, -70, 1),  # too long ago
    ],
)
def test_since_when_alerts_are_active(since: int, last: int, active: int) -> None:
    world = world_of(since, last)
    group = world.group(LONG)
    run_at(world, group, 1)
    restores = since > -90
    assert bool(world.values("ALERTS")) != restores  # nothing is written before
    run_at(world, group, 2, 3)
    (alert,) = group.status().rules[1].alerts
    assert (alert.active_ms - START) / MINUTE == active
    assert alert.state is (State.FIRING if since == -45 else State.PENDING)
    assert world.values("ALERTS")[-1] == (3 * MINUTE, 1.0)
    assert (group.counts.restore_seconds > 0) == restores


def test_what_was_kept_counts_more_than_series() -> None:
    world = world_of(-20, -5)
    earlier = World()
    earlier.put({"__name__": "m", "job": "x"}, every(MINUTE, 90 * MINUTE, 2.0))
    run_at(earlier, earlier.group(LONG), 1, 2)
    (saved,) = earlier.memory.load().values()
    world.now_ms = earlier.now_ms
    group = world.group(LONG, saved=saved)
    run_at(world, group, 3)
    (alert,) = group.status().rules[1].alerts
    assert alert.active_ms == START + MINUTE
    assert world.values("ALERTS")[-1] == (3 * MINUTE, 1.0)


def test_alerts_of_a_short_for_are_not_restored() -> None:
    world = world_of(-20, -5)
    group = world.group(ALERT)
    run_at(world, group, 1)
    (alert,) = group.status().rules[1].alerts
    assert alert.active_ms == START + MINUTE
    assert len(world.values("ALERTS")) == 1


def test_series_that_cannot_be_read_restore_nothing() -> None:
    world = world_of(-20, -5)
    selector = '{"severity"="page", "__name__"="ALERTS_FOR_STATE", "alertname"="High"}'
    world.fails[selector] = "no"
    group = world.group(LONG)
    run_at(world, group, 1)
    assert selector in [question.expression for question in world.asked]
    assert len(world.values("ALERTS")) == 1
