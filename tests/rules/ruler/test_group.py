"""A running group: its slots, what is made up for, staleness, and what becomes of alerts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.evaluation.alerts import State
from rules.evaluation.rows import key_of
from rules.evaluation.steps import Health
from rules.ruler.group import RunningGroup
from rules.ruler.saving import encode
from tests.makers.rules.ruling import (
    ALERT,
    MINUTE,
    STALE,
    START,
    World,
    every,
    group_of,
    recording,
    run_at,
)

CHAIN = recording(("a", "m"), ("b", "a * 2"))


def test_the_first_slot_is_after_the_start_and_rules_see_what_others_wrote() -> None:
    world = World()
    world.put({"__name__": "m", "job": "x"}, every(MINUTE, 10 * MINUTE, 3.0))
    group = world.group(CHAIN)
    assert group.due_ms == START + MINUTE
    run_at(world, group, 0.9, 1.2, 1.3)
    assert group.due_ms == START + 2 * MINUTE
    assert world.values("a") == [(MINUTE, 3.0)]
    assert world.values("b") == [(MINUTE, 6.0)]
    status = group.status()
    assert (status.missed, status.last_evaluation) == (0, START / 1000 + 72)
    assert [rule.health for rule in status.rules] == [Health.GOOD, Health.GOOD]
    assert [(rule.series, rule.samples) for rule in status.rules] == [(1, 2), (1, 2)]
    assert status.rules[1].query == "a * 2"


def test_missed_slots_are_made_up_for_in_order() -> None:
    world = World()
    world.put({"__name__": "m"}, [(at * MINUTE, float(at)) for at in range(20)])
    group = world.group(CHAIN)
    run_at(world, group, 1, 5.5, 5.5, 5.5, 5.5, 5.5, 6)
    assert world.values("a") == [(at * MINUTE, float(at)) for at in range(1, 7)]
    assert world.values("b") == [(at * MINUTE, 2.0 * at) for at in range(1, 7)]
    assert group.status().missed == 3  # of 2, 3 and 4: the one of 5 is late, and not missed
    assert group.done_ms == START + 6 * MINUTE


def test_what_is_too_old_is_not_made_up_for() -> None:
    world = World(catch_up_ms=2 * MINUTE)
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE))
    group = world.group(CHAIN)
    run_at(world, group, 1, 10, 10, 10, 10)
    assert [at // MINUTE for at, _ in world.values("a")] == [1, 8, 9, 10]
    assert group.status().missed == 8


def test_alerts_are_about_now() -> None:
    """Slots that were missed are not evaluated for alerts, and `for` goes on."""
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE, 2.0))
    group = world.group(ALERT)
    run_at(world, group, 1, 2, 4.1, 4.1)
    assert [at // MINUTE for at, _ in world.values("seen")] == [1, 2, 3, 4]
    assert [at // MINUTE for at, _ in world.values("ALERTS_FOR_STATE")] == [1, 2, 4]
    (alert,) = group.status().rules[1].alerts
    assert (alert.state, alert.active_ms) == (State.FIRING, START + MINUTE)


def test_alerts_do_not_wait_for_a_long_way_to_catch_up() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 60 * MINUTE, 2.0))
    group = world.group(ALERT)
    run_at(world, group, 1)
    # Each slot takes half a minute, so that the group is never at the latest one.
    run_at(world, group, *(20 + step / 2 for step in range(12)))
    times = [at // MINUTE for at, _ in world.values("ALERTS_FOR_STATE")]
    assert times[0] == 1
    assert len(times) > 3
    assert all(time >= 21 for time in times[1:])
    seen = [at // MINUTE for at, _ in world.values("seen")]
    assert seen == list(range(1, len(seen) + 1))


def test_a_group_that_only_alerts_goes_on_at_the_latest_slot() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE, 2.0))
    group = world.group(ALERT.replace("  - record: seen\n    expr: m\n", ""))
    run_at(world, group, 1, 9.5)
    assert [at // MINUTE for at, _ in world.values("ALERTS_FOR_STATE")] == [1, 9]
    assert group.status().missed == 7


def test_a_process_that_starts_waits_for_its_senders() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE, 2.0))
    run_at(world, world.group(CHAIN), 1)
    world.now_ms = START + 5 * MINUTE + 1
    saved = world.memory.load()
    (found,) = saved.values()
    held = world.group(CHAIN, saved=found, hold_until_ms=world.now_ms + 30_000)
    assert held.due_ms == world.now_ms + 30_000
    run_at(world, held, 5.1, 5.6, 5.6, 5.6, 5.6)
    assert [at // MINUTE for at, _ in world.values("a")] == [1, 2, 3, 4, 5]
    # One that missed nothing does not wait.
    world.now_ms = START + 5 * MINUTE + 50_000
    (found,) = world.memory.load().values()
    group = world.group(CHAIN, saved=found, hold_until_ms=world.now_ms + 30_000)
    assert group.due_ms == START + 6 * MINUTE


def test_series_that_vanish_end() -> None:
    world = World()
    world.put({"__name__": "m", "job": "x"}, [(0, 1.0), (MINUTE, 1.0)])
    world.put({"__name__": "m", "job": "y"}, every(MINUTE, 9 * MINUTE))
    group = world.group(recording(("a", "m[1m:1m]"), ("b", "last_over_time(m[1m])")))
    run_at(world, group, 1, 2, 3)
    assert world.values("b") == [
        (MINUTE, 1.0), (MINUTE, 1.0), (2 * MINUTE, 1.0), (2 * MINUTE, STALE), (3 * MINUTE, 1.0)
    ]  # fmt: skip
    failed, good = group.status().rules
    assert failed.health is Health.BAD
    assert failed.last_error
    assert good.health is Health.GOOD


def test_nothing_ends_where_a_query_failed() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE))
    group = world.group(CHAIN)
    run_at(world, group, 1)
    world.fails["m"] = "too much"
    run_at(world, group, 2)
    rule = group.status().rules[0]
    assert (rule.health, rule.last_error) == (Health.BAD, "too much")
    del world.fails["m"]
    run_at(world, group, 3)
    assert world.values("a") == [(MINUTE, 1.0), (3 * MINUTE, 1.0)]
    assert (group.counts.failures, group.counts.evaluations) == (1, 6)


def test_a_changed_group_goes_on_where_the_old_one_was() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE, 2.0))
    old = world.group(ALERT)
    run_at(world, old, 1, 2)
    changed = ALERT.replace("m > 1", "m > 0").replace("record: seen", "record: other")
    new = world.group(changed)
    new.adopt(old)
    run_at(world, new, 3, 4, 5)
    (alert,) = new.status().rules[1].alerts
    assert (alert.state, alert.active_ms) == (State.FIRING, START + MINUTE)
    assert world.values("seen")[-1] == (3 * MINUTE, STALE)
    assert [at // MINUTE for at, _ in world.values("other")] == [3, 4, 5]
    assert new.counts.iterations == 5


def test_series_that_another_rule_takes_over_go_on() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE))
    old = world.group(recording(("a", "m"), ("b", "m + 1")))
    run_at(world, old, 1)
    text = recording(("x", "m"), ("a", "m + 5"))
    new = world.group(text.replace("record: a\n", "record: a\n    labels: {extra: ''}\n"))
    new.adopt(old)
    run_at(world, new, 2)
    assert world.values("a") == [(MINUTE, 1.0), (2 * MINUTE, 6.0)]
    assert world.values("b") == [(MINUTE, 2.0), (2 * MINUTE, STALE)]


def test_a_group_that_is_gone_ends_what_no_other_has() -> None:
    world = World(query_offset_ms=1_000)
    world.put({"__name__": "m"}, every(MINUTE, 20 * MINUTE))
    gone, other = world.group(recording(("a", "m"), ("b", "m"))), world.group(recording(("a", "m")))
    run_at(world, gone, 1)
    run_at(world, other, 2, 2)
    gone.end_series(START + 90_000, other.written())
    assert world.values("b")[-1] == (89_000, STALE)
    assert world.values("a")[-1] == (2 * MINUTE - 1_000, 1.0)


@pytest.mark.parametrize(("own", "wanted"), [("", 30_000), ("  query_offset: 10s\n", 10_000)])
def test_offsets_move_queries_and_samples(own: str, wanted: int) -> None:
    world = World(query_offset_ms=30_000)
    world.put({"__name__": "m"}, [(at * 1000, float(at)) for at in range(200)])
    group = world.group(CHAIN.replace("  rules:", own + "  rules:"))
    run_at(world, group, 1)
    at_ms = MINUTE - wanted
    assert world.values("a") == [(at_ms, at_ms / 1000)]
    assert group.status().query_offset_ms == wanted


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"results_max": 1}, "exceeded limit of 1 with 2 series"),
        ({"results_max": 2}, ""),
        ({}, ""),
    ],
)
def test_limits_of_the_tenant(limits: dict[str, int], error: str) -> None:
    world = World(**limits)
    for job in "xy":
        world.put({"__name__": "m", "job": job}, every(MINUTE, MINUTE))
    group = world.group(recording(("a", "m")))
    run_at(world, group, 1)
    assert group.status().rules[0].last_error == error
    assert len(world.values("a")) == (0 if error else 2)


def test_rules_of_one_kind_may_be_switched_off() -> None:
    world = World(records=False)
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE, 2.0))
    group = world.group(ALERT)
    run_at(world, group, 1)
    assert (world.values("seen"), len(world.values("ALERTS"))) == ([], 1)
    world.terms = replace(world.terms, records=True, alerts=False)
    run_at(world, group, 2)
    assert (len(world.values("seen")), len(world.values("ALERTS"))) == (1, 1)


def test_federated_groups_read_their_sources_and_write_to_their_owner() -> None:
    world = World()
    for tenant in ("u", "v"):
        world.put({"__name__": "m"}, every(MINUTE, MINUTE), tenant)
    text = recording(("a", "sum by (__tenant_id__) (m)")).replace(
        "  rules:", "  source_tenants: [u, v]\n  rules:"
    )
    group = world.group(text)
    run_at(world, group, 1)
    ((tenant, recorded),) = world.written
    assert (tenant, len(recorded.samples)) == ("t", 2)
    assert world.asked[0].tenants == ("u", "v")


def test_a_clock_that_was_set_back_does_not_stop_a_group() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 200 * MINUTE))
    group = world.group(CHAIN)
    run_at(world, group, 100)
    world.now_ms = START + 2 * MINUTE
    group.mind_the_clock()
    assert group.due_ms == START + 3 * MINUTE


def test_alerts_that_cannot_be_read_are_lost_and_nothing_else() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE, 2.0))
    run_at(world, world.group(ALERT), 1)
    ((key, saved),) = world.memory.load().items()
    (mark,) = saved.alerts
    damaged = replace(saved, alerts={mark: b"\x93" + encode({})})
    group = RunningGroup("t", group_of(ALERT), world.services(), damaged)
    run_at(world, group, 2)
    assert key == group.key
    (alert,) = group.status().rules[1].alerts
    assert alert.active_ms == START + 2 * MINUTE


def test_after_a_restart_nothing_is_sent_twice() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 6 * MINUTE, 2.0))
    text = ALERT.replace("    for: 3m\n", "    keep_firing_for: 2m\n")

    def sent() -> list[tuple[int, bool]]:
        return [
            ((notice.alert.last_sent_ms - START) // MINUTE, notice.alert.is_active)
            for _, notice in world.notices
        ]

    for minute in range(1, 30):  # a new process for each slot, killed before it kept the last one
        saved = next(iter(world.memory.load().values()), None)
        if saved is not None and minute % 2:
            saved = replace(saved, slot_ms=saved.slot_ms - MINUTE)
        world.now_ms = START + minute * MINUTE - 1
        group = world.group(text, saved=saved)
        run_at(world, group, minute, minute)
    # As one process would: m ends after 6 minutes and is looked back for by 5, the alert is kept
    # firing for two more, and its end is sent for a quarter of an hour.
    assert sent() == [(at, at < 13) for at in range(1, 28, 2)]
    assert {notice.alert.fired_ms for _, notice in world.notices} == {START + MINUTE}


def test_what_could_not_be_written_is_made_up_for() -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 30 * MINUTE, 2.0))
    group = world.group(ALERT)
    run_at(world, group, 1)
    world.refuses_all, world.may_help = "the head is full", True
    run_at(world, group, 2)
    assert group.status().rules[0].last_error == "the head is full"
    assert group.due_ms == START + 3 * MINUTE  # and not again at once
    run_at(world, group, 2.5, 3)
    world.refuses_all = ""
    run_at(world, group, 4, 4, 4, 4)
    assert [at // MINUTE for at, _ in world.values("seen")] == [1, 2, 3, 4]
    (alert,) = group.status().rules[1].alerts
    assert alert.active_ms == START + MINUTE
    world.refuses_all, world.may_help = "too many series", False
    run_at(world, group, 5)
    assert group.due_ms == START + 6 * MINUTE
    assert group.done_ms == START + 5 * MINUTE


@pytest.mark.parametrize("is_delivered", [True, False])
def test_what_was_not_delivered_is_sent_at_once_after_a_restart(is_delivered: bool) -> None:
    world = World()
    world.put({"__name__": "m"}, every(MINUTE, 9 * MINUTE, 2.0))
    text = ALERT.replace("    for: 3m\n", "")
    group = world.group(text)
    run_at(world, group, 1)
    ((_, notice),) = world.notices
    world.waiting = frozenset() if is_delivered else frozenset([key_of(notice.alert.labels)])
    group.leave()
    (saved,) = world.memory.load().values()
    run_at(world, world.group(text, saved=saved), 2)
    assert len(world.notices) == (1 if is_delivered else 2)
    run_at(world, world.group(text, saved=saved), 2, 3)
    assert {notice.alert.fired_ms for _, notice in world.notices} == {START + MINUTE}


def test_series_that_vanished_while_no_process_ran_end() -> None:
    world = World()
    world.put({"__name__": "m", "job": "x"}, [(0, 2.0), (MINUTE, 2.0), (2 * MINUTE, 2.0)])
    world.put({"__name__": "m", "job": "y"}, every(MINUTE, 9 * MINUTE, 2.0))
    text = ALERT.replace("    for: 3m\n", "").replace("m > 1", "last_over_time(m[1m]) > 1")
    text = text.replace("expr: m\n", "expr: last_over_time(m[1m])\n")
    run_at(world, world.group(text), 1, 2)
    (saved,) = world.memory.load().values()
    world.now_ms += 2 * MINUTE
    again = world.group(text, saved=saved)
    run_at(world, again, 4, 4)
    assert world.values("seen")[4:] == [
        (3 * MINUTE, 2.0), (3 * MINUTE, STALE), (4 * MINUTE, 2.0)
    ]  # fmt: skip
    assert world.values("ALERTS")[4:] == [(4 * MINUTE, 1.0), (4 * MINUTE, STALE)]
    # What failed is not known to have written anything, and what is too old has faded.
    for terms in ({"catch_up_ms": MINUTE}, {}):
        other = World(**terms)
        other.stores, other.now_ms = world.stores, world.now_ms
        if not terms:
            other.fails["last_over_time(m[1m])"] = "too much"
        run_at(other, other.group(text, saved=saved), 4)
        assert STALE not in [value for _, value in other.values("seen")]
