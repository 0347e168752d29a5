"""Groups as they are posted and handed back: byte for byte where it counts, nothing added."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.configuring.documents import (
    group_of,
    key_text,
    namespaces_text,
    read_group,
    written,
)
from rules.configuring.errors import Invalid
from rules.files.loader import load, load_group
from rules.groups import Group, Rule

GROUP = """
name: g
interval: 1m30s
source_tenants: [b, a]
align_evaluation_time_on_interval: true
limit: 10
labels: {team: a}
rules:
- record: job:up:sum
  expr: |
    sum by (job) (
      up   # all of them
    )
  labels: {}
- alert: Down
  expr: 'up == 0'
  for: 5m
  keep_firing_for: 1m
  labels: {severity: 1, yes: on, empty: null, 0x1f: .5}
  annotations:
    summary: "{{ $labels.job }} is \\"down\\""
"""


def test_all_that_was_given_comes_back_and_nothing_more() -> None:
    document = read_group(GROUP.encode(), "ns")
    found = yaml.safe_load(document.text)
    assert list(found) == [
        "name", "interval", "source_tenants", "align_evaluation_time_on_interval", "limit",
        "labels", "rules",
    ]  # fmt: skip
    assert found["source_tenants"] == ["b", "a"]
    assert (found["limit"], found["align_evaluation_time_on_interval"]) == (10, True)
    recording, alerting = found["rules"]
    assert recording == {
        "record": "job:up:sum",
        "expr": "sum by (job) (\n  up   # all of them\n)\n",
        "labels": {},
    }
    assert alerting["labels"] == {"severity": "1", "yes": "on", "empty": "", "0x1f": ".5"}
    assert alerting["for"] == "5m"
    assert list(alerting) == ["alert", "expr", "for", "keep_firing_for", "labels", "annotations"]


def test_the_text_is_the_same_group_and_stays_the_same() -> None:
    document = read_group(GROUP.encode(), "ns")
    assert document.group == group_of(document.text, "ns")
    assert read_group(document.text.encode(), "ns") == document
    assert (document.group.file, document.group.source_tenants) == ("ns", ("a", "b"))
    assert "|" in document.text, "people can read an expression of several lines"


def test_aliases_and_merge_keys_are_written_out() -> None:
    text = """
name: g
rules:
- &one
  record: a
  expr: up
  labels: &labels {x: y}
- {<<: *one, record: b}
- {record: c, expr: up, labels: *labels}
"""
    found = yaml.safe_load(read_group(text.encode(), "").text)
    assert [rule["record"] for rule in found["rules"]] == ["a", "b", "c"]
    assert [rule["labels"] for rule in found["rules"]] == [{"x": "y"}] * 3
    assert "*" not in read_group(text.encode(), "").text


RULES = "\nrules: [{record: r, expr: up}]"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "unable to decode rule group"),
        ("just text", "unable to decode rule group: yaml: unmarshal errors:"),
        ("name: g\ninterval: 1", "unable to decode rule group"),
        ("name: g\nnothing: 1" + RULES, "field nothing not found in type rulefmt.RuleGroup"),
        ("groups: []", "field groups not found in type rulefmt.RuleGroup"),
        (RULES, "invalid rules configuration: rule group name must not be empty"),
        ("name: g", "invalid rules configuration: rule group 'g' has no rules"),
        ("name: g\nrules: []", "invalid rules configuration: rule group 'g' has no rules"),
        (
            "name: g\nrules: [{record: r, expr: up(}]",
            '2:27: group "g", rule 1, "r": could not parse expression: 1:4: parse error: ',
        ),
        (
            "name: g\nevaluation_delay: 1m\nquery_offset: 2m" + RULES,
            "has different values for evaluation_delay and query_offset",
        ),
    ],
)
def test_what_is_wrong_is_named_in_mimirs_words(body: str, text: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_group(body.encode(), "ns")
    assert text in str(raised.value)


def test_bodies_that_are_no_text_are_refused() -> None:
    for body in (b"\xff\xfe", b"name: \xff" + RULES.encode(), b"{" * 5_000):
        with pytest.raises(Invalid, match="unable to decode rule group"):
            read_group(body, "ns")


def test_both_names_of_the_offset_may_say_the_same() -> None:
    body = f"name: g\nevaluation_delay: 60s\nquery_offset: 1m{RULES}"
    assert read_group(body.encode(), "").group.query_offset_ms == 60_000


def test_what_was_kept_and_cannot_be_read_is_no_group() -> None:
    assert group_of("name: [", "ns") is None
    assert group_of("name: g\nrules: [{record: r, expr: 'up('}]", "ns") is None
    assert group_of("", "ns") is None


STRANGE = (
    *(
        "yes",
        "1",
        "~",
        "null",
        "0o7",
        "1e3",
        "a: b",
        "# c",
        "- d",
        " e ",
        "'",
        "*x",
        "<<",
        "=",
        "!",
    ),
    *("\n\nf\n", "a\n  b\n", "  a\nb", "a \nb", "a\tb\n", "\u2028", "\x85", "\r\n", "\ufeff"),
)
TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text)
TEXTS |= st.sampled_from(STRANGE)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_comes_back_byte_for_byte(texts: list[str]) -> None:
    value = {
        "name": "g",
        "rules": [{"record": "r", "expr": "up", "labels": {"a": t}} for t in texts],
    }
    rules = load_group(written(value).encode()).groups[0].rules
    assert [rule.labels["a"] for rule in rules] == texts


@given(st.dictionaries(TEXTS, st.lists(TEXTS, min_size=1, max_size=3), max_size=3))
def test_namespaces_are_put_together_of_texts(namespaces: dict[str, list[str]]) -> None:
    groups = {
        namespace: [written({"name": name, "labels": {"a": name}}) for name in names]
        for namespace, names in namespaces.items()
    }
    found: Any = yaml.safe_load(namespaces_text(groups))
    assert found == {
        namespace: [{"name": name, "labels": {"a": name}} for name in names]
        for namespace, names in namespaces.items()
    }


def test_plain_names_stand_plainly() -> None:
    assert [key_text(name) for name in ("ns", "a/b.yml", "yes", "1", "a b", "é")] == [
        "ns", "a/b.yml", '"yes"', '"1"', '"a b"', '"é"',
    ]  # fmt: skip
    assert namespaces_text({}) == "{}\n"


def test_a_listed_group_is_one_of_a_file() -> None:
    listed = namespaces_text({"groups": [read_group(GROUP.encode(), "").text]})
    loaded = load(listed.encode(), is_extended=True)
    assert loaded.errors == ()
    assert loaded.groups == (read_group(GROUP.encode(), "").group,)


def test_one_group_has_the_fields_of_another_ruler() -> None:
    body = f"name: g\nsource_tenants: [a]{RULES}".encode()
    assert load_group(body, "f").groups == (
        Group("g", "f", rules=(Rule("up", record="r"),), source_tenants=("a",)),
    )
