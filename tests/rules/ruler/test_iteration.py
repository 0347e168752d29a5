"""One iteration: in which order things happen, and whose failure a refused sample is."""

from __future__ import annotations

from rules.evaluation.steps import Health
from tests.makers.rules.ruling import ALERT, MINUTE, STALE, START, World, every, recording, run_at

FIRES = ALERT.replace("    for: 3m\n", "")


def world_of(value: float = 2.0, **terms: object) -> World:
    world = World(**terms)
    world.put({"__name__": "m", "job": "x"}, every(MINUTE, 30 * MINUTE, value))
    return world


def test_alerts_are_kept_before_they_are_sent_and_sent_before_they_are_written() -> None:
    world = world_of()
    run_at(world, world.group(FIRES), 1)
    assert world.events == ["send with 1 kept", "write"]
    ((tenant, notice),) = world.notices
    alert = notice.alert
    assert (tenant, alert.labels["alertname"], alert.fired_ms) == ("t", "High", START + MINUTE)
    assert alert.valid_until_ms == START + 5 * MINUTE
    assert notice.generator_url == "http://x/graph?g0.expr=m+%3E+1&g0.tab=1"
    ((key, saved),) = world.memory.kept.items()
    assert key == ("t", "f.yml", "g")
    assert len(saved.alerts) == 1


def test_alerts_that_did_not_change_are_not_kept_again() -> None:
    world = world_of()
    group = world.group(ALERT)
    run_at(world, group, 1)
    (before,) = world.memory.kept.values()
    run_at(world, group, 2)
    (after,) = world.memory.kept.values()
    (mark,) = before.alerts
    assert after.alerts[mark] is before.alerts[mark]
    assert after.slot_ms == START + 2 * MINUTE


def test_rules_that_do_not_depend_on_each_other_are_written_at_once() -> None:
    world = world_of()
    group = world.group(recording(("a", "m"), ("b", "m * 2"), ("c", "a + b"), ("d", "m * 3")))
    run_at(world, group, 1)
    assert world.events == ["write", "write"]
    assert [len(world.values(name)) for name in "abd"] == [1, 1, 1]


def test_a_refused_sample_is_the_failure_of_its_rule() -> None:
    world = world_of()
    other = "  - record: a\n    expr: m * 2\n    labels: {extra: ''}\n"
    group = world.group(recording(("a", "m"), ("b", "m")) + other)
    run_at(world, group, 1)
    health = [rule.health for rule in group.status().rules]
    assert health == [Health.GOOD, Health.GOOD, Health.BAD]
    assert "duplicate sample" in group.status().rules[2].last_error
    assert group.counts.failures == 1
    assert (world.store("t").append({"__name__": "a", "job": "x"}, START + MINUTE, 2.0)) == ""


def test_what_was_not_written_at_all_ends_later() -> None:
    world = world_of()
    world.put({"__name__": "n"}, [(0, 1.0), (MINUTE, 1.0)])
    group = world.group(recording(("a", "last_over_time(n[1m])"), ("b", "m")))
    run_at(world, group, 1)
    world.refuses_all = "the disk is full"
    run_at(world, group, 2)
    assert [rule.last_error for rule in group.status().rules] == ["the disk is full"] * 2
    world.refuses_all = ""
    run_at(world, group, 3)
    assert world.values("a") == [(MINUTE, 1.0), (3 * MINUTE, STALE)]
    assert [rule.health for rule in group.status().rules] == [Health.GOOD] * 2


def test_alerts_are_sent_though_nothing_can_be_written() -> None:
    world = world_of()
    world.refuses_all = "the disk is full"
    group = world.group(FIRES)
    run_at(world, group, 1)
    assert len(world.notices) == 1
    assert group.status().rules[1].last_error == "the disk is full"
    assert len(group.status().rules[1].alerts) == 1
