"""Who is evaluated after whom."""

import pytest

from api.promql.syntax.parser import parse
from rules.replay.order import Place, Turn, knots, turns_of, writes_of
from tests.makers.rules.replays import groups_of

Rules = list[tuple[str, str]]


def turns(*groups: Rules) -> list[Turn]:
    """Groups of (name, expression); a name in capitals is that of an alert."""
    made = [
        {
            "name": f"g{k}",
            "rules": [
                {"alert" if name.isupper() else "record": name, "expr": expr}
                for name, expr in rules
            ],
        }
        for k, rules in enumerate(groups)
    ]
    found = groups_of({"groups": made})
    trees = {(i, j): parse(r.expr) for i, g in enumerate(found) for j, r in enumerate(g.rules)}
    return turns_of(found, trees)


@pytest.mark.parametrize(
    ("groups", "places"),
    [
        ([[("a", "m"), ("b", "a")]], [[(0, 0)], [(0, 1)]]),
        ([[("b", "a")], [("a", "m")]], [[(1, 0)], [(0, 0)]]),
        ([[("A", "m"), ("b", "count(ALERTS)")]], [[(0, 0)], [(0, 1)]]),
        ([[("A", 'ALERTS{alertname="B"}')], [("B", "m")]], [[(1, 0)], [(0, 0)]]),
        ([[("A", 'ALERTS{alertname="C"}'), ("B", "m")]], [[(0, 0)], [(0, 1)]]),
        ([[("b", '{__name__!="b",__name__=~"a|c.+"}'), ("c", "m")]], [[(0, 0)], [(0, 1)]]),
        ([[("c", "b + on() a"), ], [("a", "m"), ("b", "a")]], [[(1, 0)], [(1, 1)], [(0, 0)]]),
    ],
)  # fmt: skip
def test_rules_follow_what_they_read(groups: list[Rules], places: list[list[Place]]) -> None:
    found = turns(*groups)
    assert [list(turn.places) for turn in found] == places
    assert not any(turn.stepwise for turn in found)


@pytest.mark.parametrize(
    ("groups", "together"),
    [
        ([[("a", "a")]], [(0, 0)]),
        ([[("a", "b"), ("b", "m")]], [(0, 0), (0, 1)]),
        ([[("a", "b")], [("b", "a")]], [(0, 0), (1, 0)]),
        ([[("A", 'ALERTS{alertstate="firing"}')]], [(0, 0)]),
        ([[("a", '{job="x"}')]], [(0, 0)]),
        ([[("a", "c"), ("b", "a")], [("c", "b")]], [(0, 0), (0, 1), (1, 0)]),
    ],
)
def test_rules_that_read_each_other_go_step_by_step(
    groups: list[Rules], together: list[Place]
) -> None:
    (turn,) = turns(*groups)
    assert turn == Turn(tuple(together), True)


def test_labels_that_are_known_tell_rules_apart() -> None:
    rules = [
        {"record": "a", "expr": 'a{zone="y"}', "labels": {"zone": "x"}},
        {"record": "b", "expr": 'b{job="y"}', "labels": {"job": ""}},
        {"alert": "C", "expr": 'ALERTS{severity="page"}', "labels": {"severity": "{{ 1 }}"}},
    ]
    (group,) = groups_of({"groups": [{"name": "g", "labels": {"team": "t"}, "rules": rules}]})
    assert writes_of(group, 0).labels == {"team": "t", "zone": "x"}
    assert writes_of(group, 2).labels == {"team": "t", "alertname": "C"}
    found = turns_of([group], {(0, j): parse(rule.expr) for j, rule in enumerate(group.rules)})
    assert {turn.places[0][1]: turn.stepwise for turn in found} == {0: False, 1: False, 2: True}


def test_knots_of_a_long_chain() -> None:
    """No deeper than a loop."""
    count = 5_000
    edges = {(0, k): {(0, k + 1)} if k + 1 < count else set() for k in range(count)}
    assert knots(edges) == [[(0, k)] for k in range(count - 1, -1, -1)]
    edges[0, count - 1].add((0, 0))
    (whole,) = knots(edges)
    assert sorted(whole) == list(edges)
