"""What the API is given of the ruler's snapshot."""

from api.sources.rules import AlertFacts
from receiver.ruling.rule_book import RulerBook
from rules.evaluation.alerts import Alert, State
from rules.evaluation.steps import Health
from rules.groups import Rule
from rules.ruler.status import GroupStatus, RuleStatus
from storage.histograms.histograms import parts_of
from tests.makers.histograms import EXAMPLES, columns

ALERTING = Rule("up==0", alert="Down", for_ms=90_000, keep_firing_ms=500, annotations={"a": "b"})


def alert(value: object) -> Alert:
    return Alert({"l": "1"}, {"a": "b"}, value, State.PENDING, 7, keep_firing_ms=9)  # type: ignore[arg-type]


def test_groups_rules_and_alerts_become_plain() -> None:
    rule = RuleStatus(
        ALERTING, "up == 0", {"x": "y"}, Health.BAD, "wrong", State.PENDING, 0.5, 12.5,
        (alert(2.0),), 3, 4,
    )  # fmt: skip
    recording = RuleStatus(Rule("up", record="r"), "up")
    status = GroupStatus("t", "f", "g", 15_000, 2, 1_500, ("u",), (rule, recording), 0.25, 11.0, 6)
    book = RulerBook(
        lambda tenant: [status] if tenant == "t" else [], lambda tenant: ([tenant], [])
    )
    assert book.groups("u") == []
    assert book.alertmanagers("t") == (["t"], [])
    (group,) = book.groups("t")
    assert (group.file, group.name, group.limit, group.missed) == ("f", "g", 2, 6)
    assert (group.interval_seconds, group.query_offset_seconds) == (15.0, 1.5)
    assert (group.source_tenants, group.last_evaluation) == (("u",), 11.0)
    first, second = group.rules
    assert (first.name, first.query, first.health, first.last_error) == (
        "Down", "up == 0", "err", "wrong",
    )  # fmt: skip
    assert (first.state, first.for_seconds, first.keep_firing_seconds) == ("pending", 90.0, 0.5)
    assert (first.series, first.samples, first.last_evaluation) == (3, 4, 12.5)
    assert list(first.alerts) == [AlertFacts({"l": "1"}, {"a": "b"}, "pending", 7, 9, 2.0)]
    assert (second.is_alerting, second.state, second.health) == (False, "", "unknown")


def test_a_histogram_is_zero() -> None:
    parts = parts_of(columns(EXAMPLES), 0)
    rule = RuleStatus(ALERTING, "h", alerts=(alert(parts),))
    status = GroupStatus("t", "f", "g", 15_000, rules=(rule,))
    (group,) = RulerBook(lambda tenant: [status], lambda tenant: ([], [])).groups("t")
    assert group.rules[0].alerts[0].value == 0.0
