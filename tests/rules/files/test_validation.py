"""What is wrong with rules, in Prometheus' words."""

import pytest

from api.promql.features import ALL_FEATURES, DEFAULT_FEATURES
from rules.files.validation import GroupPlaces, RulePlaces, problems_of
from rules.groups import Group, Rule

PLACES = RulePlaces((1, 2), (3, 4), (5, 6))


def problems(rule: Rule) -> list[str]:
    places = GroupPlaces((9, 9), (PLACES,))
    return list(problems_of([(Group("g", rules=(rule,)), places)], DEFAULT_FEATURES))


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (Rule("up", record="a:b"), []),
        (Rule("up", record="naïve name"), []),
        (Rule("up", alert="any {name}"), []),
        (
            Rule("up", record="r", alert="a"),
            ["1:2: 3:4: group \"g\", rule 1, \"a\": only one of 'record' and 'alert' must be set"],
        ),
        (
            Rule("up"),
            ["1:2: 3:4: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"],
        ),
        (
            Rule("", record="r"),
            ['5:6: group "g", rule 1, "r": field \'expr\' must be set in rule'],
        ),
        (
            Rule("nope()", alert="a"),
            [
                '5:6: group "g", rule 1, "a": could not parse expression: '
                '1:1: parse error: unknown function with name "nope"'
            ],
        ),
        (
            Rule("up", record="r", for_ms=1, keep_firing_ms=1, annotations={"a": "b"}),
            [
                f'1:2: group "g", rule 1, "r": invalid field \'{name}\' in recording rule'
                for name in ("annotations", "for", "keep_firing_for")
            ],
        ),
        (
            Rule("up", record="up{a='b'}"),
            [
                '1:2: group "g", rule 1, "up{a=\'b\'}": braces present in the recording rule name; '
                "should it be in expr?: up{a='b'}"
            ],
        ),
        (
            Rule("up", alert="a", labels={"__name__": "x", "": "y"}, annotations={"": "z"}),
            [
                'group "g", rule 1, "a": invalid label name: __name__',
                'group "g", rule 1, "a": invalid label name: ',
                'group "g", rule 1, "a": invalid annotation name: ',
            ],
        ),
        (
            Rule("up", alert="a", labels={"l": "\udcff"}),
            ['group "g", rule 1, "a": invalid label value: \udcff'],
        ),
        (
            Rule("up", alert="a", labels={"l": "{{ $x }}"}, annotations={"n": "{{ f }}"}),
            [
                'group "g", rule 1, "a": label "l": template: __alert_a:1: undefined variable "$x"',
                'group "g", rule 1, "a": annotation "n": template: __alert_a:1: '
                'function "f" not defined',
            ],
        ),
        (Rule("up", record="r", labels={"l": "{{ $x }}"}), []),
    ],
)
def test_rules(rule: Rule, texts: list[str]) -> None:
    assert problems(rule) == texts


def test_groups() -> None:
    groups = [Group("a"), Group("a", labels={"__name__": "x"}), Group("")]
    found = problems_of([(group, GroupPlaces((7, 8))) for group in groups], DEFAULT_FEATURES)
    assert list(found) == [
        '7:8: groupname: "a" is repeated in the same file',
        "invalid label name: __name__",
        "7:8: Groupname must not be empty",
    ]


def test_experimental_functions_need_their_feature() -> None:
    group = Group("g", rules=(Rule("limitk(1, up)", record="r"),))
    places = GroupPlaces((1, 1), (PLACES,))
    assert len(list(problems_of([(group, places)], DEFAULT_FEATURES))) == 1
    assert list(problems_of([(group, places)], ALL_FEATURES)) == []
