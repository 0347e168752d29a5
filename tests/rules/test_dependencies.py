"""Which rules of a group read what others write, and in what order they may be evaluated."""

import pytest

from rules.dependencies import dependencies_of
from rules.groups import Group, Rule

RECORDED = Rule("sum(up)", record="job:up:sum")
OTHER = Rule("sum(down)", record="job:down:sum")
ALERT = Rule("job:up:sum == 0", alert="Down")


@pytest.mark.parametrize(
    ("rules", "reads", "batches"),
    [
        ((), [], []),
        ((RECORDED,), [set()], [[0]]),
        ((RECORDED, OTHER), [set(), set()], [[0, 1]]),
        ((RECORDED, OTHER, ALERT), [set(), set(), {0}], [[0, 1], [2]]),
        # An earlier rule sees what a later one wrote the last time, and does not wait for it.
        ((ALERT, RECORDED), [set(), set()], [[0, 1]]),
        (
            (RECORDED, Rule("job:up:sum * 2", record="b"), Rule("b + b", record="c")),
            [set(), {0}, {1}],
            [[0], [1], [2]],
        ),
        (
            (RECORDED, OTHER, Rule('{__name__=~"job:.*"}', record="x")),
            [set(), set(), {0, 1}],
            [[0, 1], [2]],
        ),
        ((RECORDED, ALERT, Rule("ALERTS", record="x")), [set(), {0}, {1}], [[0], [1], [2]]),
        (
            (ALERT, Rule("up", alert="Up"), Rule('count(ALERTS{alertname="Up"})', record="x")),
            [set(), set(), {1}],
            [[0, 1], [2]],
        ),
        (
            (ALERT, RECORDED, Rule('ALERTS_FOR_STATE{alertname!="Down"}', record="x")),
            [set(), set(), set()],
            [[0, 1, 2]],
        ),
        (
            (RECORDED, Rule("sum_over_time(job:up:sum[5m:1m])", record="x")),
            [set(), {0}],
            [[0], [1]],
        ),
    ],
)
def test_reads(rules: tuple[Rule, ...], reads: list[set[int]], batches: list[list[int]]) -> None:
    found = dependencies_of(Group("g", rules=rules))
    assert found.reads == tuple(map(frozenset, reads))
    assert found.batches(len(rules)) == batches


def test_a_selector_without_a_name_may_read_anything() -> None:
    found = dependencies_of(Group("g", rules=(RECORDED, Rule('{job="a"}', record="x"))))
    assert found.reads is None
    assert found.batches(2) == [[0], [1]]
