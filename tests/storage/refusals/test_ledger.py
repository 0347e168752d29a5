"""What the ledger of refusals remembers, forgets and tells."""

from __future__ import annotations

import pytest

from storage.batch import Example, Reject
from storage.labels.matchers import Matcher
from storage.refusals.ledger import LOG_EVERY_MS, TEXT_CHARS_MAX, RejectLedger, Sender, Wanted

AGENT = Sender("10.0.0.1", "Prometheus/2.42.0")
OTHER = Sender("10.0.0.2", "vmagent")
ALL = Wanted()
OF_A_OR_B = Matcher("__name__", "=~", "a|b")
NOT_A_OR_B = Matcher("__name__", "!~", "a|b")


def refused(name: str, *, reason: str = "too_old", count: int = 1, value: float = 1.0) -> Reject:
    labels = {"__name__": name, "job": "j"}
    return Reject(reason, count, f"{name} is {reason}", (Example(labels, 7, value),))


def names(ledger: RejectLedger, *tenants: str, wanted: Wanted = ALL) -> list[str]:
    """The metric names of the entries, newest first; of series-less ones the reason."""
    entries = ledger.extract(tenants, wanted).entries
    return [e.reason if e.sample is None else e.sample.labels["__name__"] for e in entries]


def test_an_entry_is_one_series_refused_for_one_reason_from_one_sender() -> None:
    ledger = RejectLedger(entries_max=10)
    ledger.note("t", [refused("up", value=1.0)], AGENT, 1_000)
    ledger.note("t", [refused("up", value=2.0)], AGENT, 2_000)
    ledger.note("t", [refused("up", reason="duplicate"), refused("down")], AGENT, 3_000)
    ledger.note("t", [refused("up")], OTHER, 4_000)
    entries = ledger.extract(["t"], Wanted()).entries
    assert len(entries) == 4
    first = entries[-1]
    assert (first.reason, first.sender, first.count) == ("too_old", AGENT, 2)
    assert (first.first_ms, first.last_ms) == (1_000, 2_000)
    assert first.sample is not None
    assert (first.sample.timestamp_ms, first.sample.value) == (7, 2.0)
    assert entries[0].sender == OTHER


def test_what_was_refused_last_is_told_first_and_forgotten_last() -> None:
    ledger = RejectLedger(entries_max=3)
    for name in ("a", "b", "c"):
        ledger.note("t", [refused(name)], AGENT, 1)
    ledger.note("t", [refused("a")], AGENT, 2)
    assert names(ledger, "t") == ["a", "c", "b"]
    ledger.note("u", [refused("d")], AGENT, 3)
    assert names(ledger, "t") == ["a", "c"]
    assert names(ledger, "t", "u") == ["d", "a", "c"]
    assert names(ledger, "v") == []


def test_all_refusals_are_counted_however_few_are_entered() -> None:
    ledger = RejectLedger(entries_max=2)
    ledger.note("t", [refused("a", count=1_000)], AGENT, 1)
    ledger.note("t", [refused("b", count=10), refused("c", reason="duplicate", count=5)], AGENT, 2)
    tallies = ledger.extract(["t"], Wanted()).tallies
    assert [(t.reason, t.count, t.first_ms, t.last_ms) for t in tallies] == [
        ("duplicate", 5, 2, 2),
        ("too_old", 1_010, 1, 2),
    ]
    ledger.note("u", [refused("d")], AGENT, 3)
    assert [t.reason for t in ledger.extract(["t"], Wanted()).tallies] == ["duplicate"]


def test_a_request_refused_as_a_whole_has_no_series() -> None:
    ledger = RejectLedger(entries_max=5)
    ledger.note("t", [Reject("too_large", 1, "body of 9 bytes")], AGENT, 1)
    ledger.note("t", [Reject("too_large", 1, "body of 8 bytes")], AGENT, 2)
    (entry,) = ledger.extract(["t"], Wanted()).entries
    assert (entry.sample, entry.count, entry.message) == (None, 2, "body of 8 bytes")
    only = Wanted(matcher_sets=[[Matcher("job", "=~", ".*")]])
    assert ledger.extract(["t"], only).entries == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(reasons=frozenset(["duplicate"])), ["c"]),
        (Wanted(reasons=frozenset(["unheard_of"])), []),
        (Wanted(limit=2), ["too_large", "c"]),
        (Wanted(matcher_sets=[[Matcher("__name__", "=", "a")]]), ["a"]),
        (Wanted(matcher_sets=[[Matcher("__name__", "!=", "a")]]), ["c", "b"]),
        (Wanted(matcher_sets=[[OF_A_OR_B, Matcher("x", "=", "")]]), ["b", "a"]),
        (Wanted(matcher_sets=[[NOT_A_OR_B], [Matcher("x", "=", "1")]]), ["c"]),
        (Wanted(frozenset(["too_old"]), [[Matcher("job", "=", "j")]], 1), ["b"]),
    ],
)  # fmt: skip
def test_entries_are_chosen_by_reason_and_labels(wanted: Wanted, expected: list[str]) -> None:
    ledger = RejectLedger(entries_max=10)
    ledger.note("t", [refused("a"), refused("b"), refused("c", reason="duplicate")], AGENT, 1)
    ledger.note("t", [Reject("too_large", 1, "")], AGENT, 2)
    assert names(ledger, "t", wanted=wanted) == expected


def test_what_was_told_does_not_change_later() -> None:
    ledger = RejectLedger(entries_max=10)
    ledger.note("t", [refused("a")], AGENT, 1)
    extract = ledger.extract(["t"], Wanted())
    ledger.note("t", [refused("a")], AGENT, 2)
    assert (extract.entries[0].count, extract.tallies[0].count) == (1, 1)


def test_a_tenant_is_logged_once_in_a_while_for_each_reason() -> None:
    ledger = RejectLedger(entries_max=10)
    assert ledger.note("t", [refused("a")], AGENT, 0)
    assert not ledger.note("t", [refused("b")], AGENT, LOG_EVERY_MS - 1)
    assert ledger.note("t", [refused("b"), refused("b", reason="duplicate")], AGENT, 1)
    assert ledger.note("u", [refused("b")], AGENT, 1)
    assert ledger.note("t", [refused("b")], AGENT, LOG_EVERY_MS)


def test_texts_of_senders_are_cut() -> None:
    ledger = RejectLedger(entries_max=1)
    long = "x" * (TEXT_CHARS_MAX + 1)
    ledger.note("t", [Reject("corrupt", 1, long)], Sender("a", long), 1)
    (entry,) = ledger.extract(["t"], Wanted()).entries
    assert entry.sender.user_agent == entry.message == "x" * TEXT_CHARS_MAX
