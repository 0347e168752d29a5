"""Rules of stores: what messages say, and those of a pair of rulers as one."""

from __future__ import annotations

import pytest

from api.sources.rules import AlertFacts, GroupFacts, RuleFacts
from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.rules import as_one, read_group
from receiver.wire.messages import message_field
from tests.makers.sources.listed import alert, group, recording

RECORDED = RuleFacts(
    is_alerting=False, name="up:sum", query="sum(up)", labels={"a": "1"}, health="ok",
    evaluation_seconds=0.25, last_evaluation=150.0,
)  # fmt: skip
ALERTED = RuleFacts(
    is_alerting=True, name="Down", query="up == 0", labels={"b": "2"}, health="err",
    last_error="it failed", evaluation_seconds=0.5, last_evaluation=160.0, state="firing",
    for_seconds=60.0, keep_firing_seconds=30.0, annotations={"summary": "{{ . }}"},
    alerts=[AlertFacts({"b": "2"}, {"summary": "s"}, "firing", 100_000, None, 1.5)],
)  # fmt: skip


def test_a_group_is_read() -> None:
    rules = [
        recording("up:sum", {"a": "1"}, at_s=150),
        alert("Down", {"b": "2"}, state=3, at_s=160),
    ]
    assert read_group(group("f.yml", "g", *rules)) == GroupFacts(
        "f.yml", "g", 15.0, limit=5, rules=[RECORDED, ALERTED], evaluation_seconds=0.75,
        last_evaluation=200.0,
    )  # fmt: skip


def test_what_is_missing_or_unknown_is_empty() -> None:
    found = read_group(message_field(3, b"") + message_field(3, alert("x", {}, state=9)))
    assert (found.name, found.last_evaluation) == ("", None)
    assert [(rule.is_alerting, rule.state) for rule in found.rules] == [(False, ""), (True, "")]


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a\xff",
        message_field(1, b"\xff"),
        message_field(3, b"\x0a\x09"),
        message_field(3, message_field(2, message_field(7, message_field(5, b"no number")))),
    ],
)
def test_damage_is_said(content: bytes) -> None:
    with pytest.raises(LyingStore, match="its rules are damaged"):
        read_group(content)


def facts(replica: str, *, state: int, at_s: int) -> GroupFacts:
    labels = {"b": "2", "replica": replica}
    rules = [
        recording("up:sum", {"replica": replica}, at_s=at_s),
        alert("Down", labels, state=state),
    ]
    return read_group(group("f.yml", "g", *rules))


def test_rules_of_a_pair_are_one() -> None:
    """Of the recording rule the younger, of the alert the one that fires."""
    other = read_group(group("f.yml", "other", recording("x", {})))
    pair = [facts("a", state=3, at_s=150), other, facts("b", state=2, at_s=160)]
    first, second = as_one(pair, ["replica"])
    assert [(rule.name, rule.labels, rule.last_evaluation) for rule in first.rules] == [
        ("up:sum", {}, 160.0),
        ("Down", {"b": "2"}, 0.0),
    ]
    assert first.rules[1].state == "firing"
    assert first.rules[1].alerts[0].labels == {"b": "2"}
    assert second.name == "other"
    apart, _ = as_one(pair, [])
    assert len(apart.rules) == 4
