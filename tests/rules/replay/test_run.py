"""Whole replays, compared with rules that are evaluated as time passes."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.promql.engine import Engine
from rules.evaluation.rows import Key, key_of
from rules.groups import Group
from rules.memory import MemoryStore
from rules.replay.alerting import Surroundings
from rules.replay.limits import Limits, ReplayRefused, ReplayStopped
from rules.replay.outcome import Outcome, Recorded, RuleOutcome
from rules.replay.run import Wanted, Watching, replay
from rules.replay.slots import Period
from tests.makers.rules import unit_tests
from tests.makers.rules.replays import (
    MINUTE,
    changes,
    engine,
    group_of,
    groups_of,
    replayed,
    shown,
    stored,
)
from tests.twins.rules.replay import Lived, bits_of, lived

# Groups are not evaluated at the same time, at which the order of what they write is not certain.
PHASES = {"g0": 0, "g1": 7_000, "g2": 21_000}


@pytest.fixture(scope="module", name="engine")
def shared_engine() -> Iterator[Engine]:
    own = engine()
    yield own
    own.close()


def written(recorded: Recorded) -> dict[Key, dict[int, int]]:
    samples = recorded.samples
    return {
        key_of(recorded.labels.labelset(row)): {
            int(samples.timestamps[k]): -1
            if samples.natives is not None and samples.natives.rows[k] >= 0
            else bits_of(float(samples.values[k]))
            for k in range(samples.offsets[row], samples.offsets[row + 1])
        }
        for row in range(recorded.labels.rows)
        if samples.offsets[row] < samples.offsets[row + 1]
    }


def assert_same(outcome: RuleOutcome, life: Lived, interval_ms: int) -> None:
    errors = {
        ts: failure.error
        for failure in outcome.failures
        for ts in range(failure.first_ms, failure.last_ms + 1, interval_ms)
    }
    assert errors == life.errors
    assert written(outcome.recorded) == life.written
    found = {
        key_of(alert.labels): [
            (change.time_ms, change.became.value, change.value, dict(change.annotations))
            for change in alert.changes
        ]
        for alert in outcome.alerts
    }
    assert found == life.changes
    assert {key_of(alert.labels): alert.notices for alert in outcome.alerts} == life.notices | {
        key: 0 for key in life.changes if key not in life.notices
    }


def over(engine: Engine, store: MemoryStore, groups: tuple[Group, ...], first_ms: int) -> Outcome:
    period = Period(first_ms, 20 * MINUTE, phases=PHASES)
    around = Surroundings({"region": "eu"})
    return replay(engine, lambda: store, Wanted(groups, period, around))


@pytest.mark.parametrize("seed", range(60))
def test_a_replay_is_what_evaluations_would_have_given(engine: Engine, seed: int) -> None:
    draw = random.Random(seed)
    document = unit_tests.rules(draw)
    for group in document["groups"]:
        group["interval"] = draw.choice(("30s", "1m"))
    if len(document["groups"]) == 1:
        document["groups"][0]["query_offset"] = draw.choice(("0s", "1m", "100s"))
    series = {one["series"]: one["values"] for one in unit_tests.series(draw)}
    groups = groups_of(document)
    outcome = over(engine, stored(series), groups, draw.choice((0, 3 * MINUTE + 500)))
    times = [group.slots.times.tolist() for group in outcome.groups]
    rules = lived(engine, stored(series), groups, times, {"region": "eu"})
    for i, group in enumerate(outcome.groups):
        for j, rule in enumerate(group.rules):
            assert_same(rule, rules[i, j], group.slots.interval_ms)


CHAIN = (
    {"record": "job:m:sum", "expr": "sum by (job) (m)"},
    {"record": "job:m:twice", "expr": "2 * job:m:sum"},
    {"alert": "High", "expr": "job:m:twice > 10", "for": "2m"},
)


def test_a_rule_is_one_query_however_long_the_range_is() -> None:
    outcome = replayed(group_of(*CHAIN), {'m{job="a"}': "1+1x600"}, minutes=600)
    assert outcome.evaluations == 3 * 601
    assert (outcome.queries, [rule.queries for rule in outcome.each()]) == (3, [1, 1, 1])
    assert changes(outcome) == {"job=a": [(5, "pending", 12.0), (7, "firing", 16.0)]}


def test_rules_see_what_later_groups_recorded() -> None:
    last, *first = CHAIN[::-1]
    groups = groups_of(
        {"groups": [{"name": "a", "rules": [last]}, {"name": "b", "rules": first[::-1]}]}
    )
    outcome = replayed(groups, {'m{job="a"}': "1+1x10"})
    assert outcome.queries == 3
    assert changes(outcome) == {"job=a": [(5, "pending", 12.0), (7, "firing", 16.0)]}


def test_what_rules_had_written_counts_up_to_the_first_evaluation() -> None:
    """What was stored of the same series by others, or with other rules, is not seen."""
    series = {'m{job="a"}': "1x10", 'job:m:sum{job="a"}': "50x10", 'job:m:sum{job="b"}': "70x10"}
    rules = [
        {"record": "job:m:sum", "expr": "sum by (job) (m)"},
        {"record": "seen", "expr": "sum_over_time(job:m:sum[3m])"},
    ]
    outcome = replayed(group_of(*rules), series, first=3, minutes=6)
    assert shown(list(outcome.each())[1].recorded) == {
        "seen{job=a}": {3: 101.0, 4: 52.0, 5: 3.0, 6: 3.0},
        "seen{job=b}": {3: 140.0, 4: 70.0, 5: "stale"},
    }


def test_a_rule_that_reads_itself_is_evaluated_step_by_step() -> None:
    rules = {"record": "total", "expr": "(total or vector(0)) + 1"}
    outcome = replayed(group_of(rules), {}, minutes=5)
    (rule,) = outcome.each()
    assert shown(rule.recorded) == {"total{}": {k: k + 1.0 for k in range(6)}}
    assert rule.queries == 6


def test_annotations_may_ask_for_what_rules_recorded() -> None:
    text = (
        '{{ with query "job:m:sum" }}{{ . | first | value }}{{ end }} {{ $externalLabels.region }}'
    )
    alert = {"alert": "A", "expr": "m > 3", "annotations": {"sum": text}}
    outcome = replayed(group_of(alert, CHAIN[0]), {'m{job="a"}': "1+1x10"})
    (found,) = outcome.alerts()
    assert [dict(change.annotations) for change in found.changes] == [{"sum": "4 eu"}]


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(rules=2), "takes 3 rules, at most 2 are allowed (rules.replay.max-rules)"),
        (Limits(evaluations=32), "takes 33 evaluations, at most 32"),
        (Limits(queries=2), "takes more than 2 queries, at most 2"),
        (Limits(samples=10), "takes 11 samples or more, at most 10"),
        (Limits(changes=1), "takes more than 1 changes of alerts, at most 1"),
        (Limits(timeout_ms=0), "takes too long (limit: rules.replay.timeout=1 ms)"),
    ],
)
def test_limits(limits: Limits, error: str) -> None:
    with pytest.raises(ReplayRefused) as refused:
        replayed(group_of(*CHAIN), {'m{job="a"}': "1+1x10"}, limits=limits)
    assert error in str(refused.value)


def test_federated_groups_are_refused() -> None:
    (group,) = group_of(*CHAIN)
    with pytest.raises(ReplayRefused, match='group "g" has source_tenants'):
        replayed([replace(group, source_tenants=("a",))], {})


def test_a_replay_that_no_one_waits_for_stops() -> None:
    asked: list[None] = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > 3

    with pytest.raises(ReplayStopped):
        replayed(group_of(*CHAIN), {}, watching=Watching(cancelled))


def test_progress_is_reported() -> None:
    reports: list[tuple[int, int]] = []
    watching = Watching(report=lambda done, total: reports.append((done, total)))
    replayed(group_of(*CHAIN), {}, watching=watching)
    assert reports == [(11, 33), (22, 33), (33, 33)]


def test_no_evaluation_falls_into_a_short_period() -> None:
    groups = group_of(*CHAIN, interval="1h")
    outcome = replayed(groups, {"m": "1x10"}, first=1, minutes=5)
    assert (outcome.evaluations, outcome.queries) == (0, 0)
