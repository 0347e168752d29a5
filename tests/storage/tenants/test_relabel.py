"""Relabelling: every action, templates, what no rule may say."""

from __future__ import annotations

import hashlib
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.tenants.relabel import Memo, RelabelRule, check_rule, relabel, to_lower, to_upper

UP = {"__name__": "up", "a": "foo", "b": "bar", "c": "baz"}


def rule(**fields: object) -> RelabelRule:
    return msgspec.convert(fields, RelabelRule)


def changed(**labels: str) -> dict[str, str]:
    """UP with other labels; the empty value takes one away."""
    return {name: value for name, value in (UP | labels).items() if value}


HASH = int.from_bytes(hashlib.md5(b"foo;bar").digest()[8:], "big")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        # replace
        ({"target_label": "d", "replacement": "x"}, changed(d="x")),
        ({"target_label": "d"}, UP),
        ({"source_labels": ["a"], "target_label": "d"}, changed(d="foo")),
        ({"source_labels": ["a", "b"], "target_label": "d"}, changed(d="foo;bar")),
        (
            {"source_labels": ["a", "b"], "separator": "-", "target_label": "d"},
            changed(d="foo-bar"),
        ),
        ({"source_labels": ["a"], "regex": "f", "target_label": "d"}, UP),
        ({"source_labels": ["a"], "regex": "f(.*)", "target_label": "d"}, changed(d="oo")),
        (
            {
                "source_labels": ["a"],
                "regex": "(f)(.*)",
                "target_label": "${1}x",
                "replacement": "$2$1",
            },
            changed(fx="oof"),
        ),
        ({"source_labels": ["a"], "target_label": "a", "replacement": ""}, changed(a="")),
        (
            {
                "source_labels": ["a"],
                "regex": "(foo)|(b)",
                "target_label": "a",
                "replacement": "$2",
            },
            changed(a=""),
        ),
        ({"source_labels": ["a"], "regex": "(z)?foo", "target_label": "$1"}, UP),
        (
            {"source_labels": ["none"], "regex": "", "target_label": "d", "replacement": "x"},
            changed(d="x"),
        ),
        (
            {
                "source_labels": ["a"],
                "regex": "(?P<n>f.)o",
                "target_label": "d",
                "replacement": "$n-${n}",
            },
            changed(d="fo-fo"),
        ),
        ({"source_labels": ["a"], "target_label": "d", "replacement": "$1x$$1$"}, changed(d="$1$")),
        (
            {"source_labels": ["a"], "target_label": "d", "replacement": "${1}x$$1$"},
            changed(d="foox$1$"),
        ),
        (
            {"source_labels": ["a"], "target_label": "d", "replacement": "<$9$01${x}>"},
            changed(d="<>"),
        ),
        # keep, drop
        ({"source_labels": ["a"], "regex": "fo+", "action": "keep"}, UP),
        ({"source_labels": ["a"], "regex": "f", "action": "keep"}, None),
        ({"source_labels": ["a"], "regex": "fo+", "action": "drop"}, None),
        ({"source_labels": ["a"], "regex": "f", "action": "drop"}, UP),
        ({"source_labels": ["none"], "regex": "", "action": "drop"}, None),
        # keepequal, dropequal
        ({"source_labels": ["a"], "target_label": "a", "action": "keepequal"}, UP),
        ({"source_labels": ["a"], "target_label": "b", "action": "keepequal"}, None),
        ({"source_labels": ["a"], "target_label": "a", "action": "dropequal"}, None),
        ({"source_labels": ["a"], "target_label": "b", "action": "dropequal"}, UP),
        # names
        ({"regex": "[ab]", "action": "labeldrop"}, {"__name__": "up", "c": "baz"}),
        (
            {"regex": "[ab]|__name__", "action": "labelkeep"},
            {"__name__": "up", "a": "foo", "b": "bar"},
        ),
        (
            {"regex": "(a|b)", "replacement": "${1}2", "action": "labelmap"},
            changed(a2="foo", b2="bar"),
        ),
        ({"regex": "([ab])", "replacement": "x", "action": "labelmap"}, changed(x="bar")),
        # values
        (
            {
                "source_labels": ["a", "b"],
                "target_label": "d",
                "modulus": 1000,
                "action": "hashmod",
            },
            changed(d=str(HASH % 1000)),
        ),
        ({"source_labels": ["a"], "target_label": "a", "action": "uppercase"}, changed(a="FOO")),
        (
            {"source_labels": ["a"], "target_label": "__name__", "action": "lowercase"},
            changed(__name__="foo"),
        ),
    ],
)
def test_actions(fields: dict[str, object], wanted: dict[str, str] | None) -> None:
    checked = rule(**fields)
    check_rule(checked)
    assert relabel([checked], UP) == wanted


def test_rules_are_applied_in_their_order() -> None:
    rules = [
        rule(source_labels=["a"], target_label="d"),
        rule(regex="a", action="labeldrop"),
        rule(source_labels=["d"], regex="foo", action="keep"),
        rule(source_labels=["a"], regex=".+", action="drop"),
    ]
    assert relabel(rules, UP) == {"__name__": "up", "b": "bar", "c": "baz", "d": "foo"}


def test_what_is_remembered_of_texts_is_bounded() -> None:
    asked = []

    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    memo = Memo(length, 3)
    assert [memo[text] for text in ("a", "bb", "a", "ccc", "d", "a")] == [1, 2, 1, 3, 1, 1]
    assert asked == ["a", "bb", "ccc", "d", "a"]
    assert len(memo) == 2


def test_a_dot_matches_line_feeds_and_empty_labels_are_absent() -> None:
    assert relabel([rule(source_labels=["a"], target_label="b")], {"a": "x\ny", "z": ""}) == {
        "a": "x\ny",
        "b": "x\ny",
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"regex": "("}, "regex: got '\\('"),
        ({"regex": "a" * 20_000}, "regex: got 20000 characters; allowed are 16384"),
        ({"source_labels": ["a"]}, "target_label: got none; replace needs one"),
        ({"action": "hashmod", "target_label": "a"}, "modulus: got 0; allowed for hashmod"),
        ({"action": "lowercase"}, "lowercase needs one"),
        ({"action": "uppercase", "target_label": "a", "replacement": "x"}, "replacement: got 'x'"),
        ({"action": "keepequal", "target_label": "a", "regex": "x"}, "regex: got 'x'; keepequal"),
        ({"action": "labeldrop", "source_labels": ["a"]}, "source_labels: got .*; labeldrop takes"),
        ({"action": "labelkeep", "separator": ""}, "separator: got ''; labelkeep takes none"),
        ({"action": "labelmap", "replacement": ""}, "replacement: got an empty text"),
    ],
)
def test_rules_that_make_no_sense(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        check_rule(rule(**fields))


@pytest.mark.parametrize("fields", [{"action": "rename"}, {"regexp": "x"}, {"modulus": "x"}])
def test_rules_that_do_not_exist(fields: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rule(**fields)


@pytest.mark.parametrize(
    ("text", "lower", "upper"),
    [("aB1", "ab1", "AB1"), ("Éß", "éß", "Éß"), ("İ", "i", "İ"), ("ᾀΣ", "ᾀσ", "ᾈΣ")],
)
def test_case_is_changed_character_by_character(text: str, lower: str, upper: str) -> None:
    assert (to_lower(text), to_upper(text)) == (lower, upper)


@given(st.text("$1ab{}_x", max_size=12), st.text("ab", max_size=6))
def test_templates_expand_as_described(template: str, value: str) -> None:
    found = relabel(
        [rule(source_labels=["v"], target_label="t", replacement=template)], {"v": value}
    )
    wanted, at = "", 0
    while at < len(template):
        name = re.compile(r"\$(?:(\$)|\{([1abx_]+)\}|([1abx_]+))").match(template, at)
        if name is None:
            wanted, at = wanted + template[at], at + 1
            continue
        wanted += "$" if name[1] else value if (name[2] or name[3]) == "1" else ""
        at = name.end()
    assert found is not None
    assert found.get("t", "") == wanted
