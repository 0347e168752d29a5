"""What is sent of an alert, byte for byte."""

import orjson
import pytest

from rules.notifying.messages import message_of, time_text, with_external
from tests.makers.rules.alertmanager import firing, resolved


def test_a_message_has_what_alertmanager_knows_of_an_alert() -> None:
    notice = firing("Down", sent_ms=1_700_000_060_123, until_ms=1_700_000_300_000)
    assert message_of(notice, {"job": "x", "alertname": "Down"}) == (
        b'{"annotations":{"summary":"Down fires"},"endsAt":"2023-11-14T22:18:20.000Z",'
        b'"generatorURL":"http://cupola/graph?g0.expr=Down&g0.tab=1",'
        b'"labels":{"alertname":"Down","job":"x"},"startsAt":"2023-11-14T22:13:20.123Z"}'
    )


def test_the_end_of_a_resolved_alert_is_when_it_was_resolved() -> None:
    message = orjson.loads(message_of(resolved("Down", end_ms=1_700_000_000_000), {}))
    assert message["startsAt"] == "1970-01-01T00:00:02.000Z"
    assert message["endsAt"] == "2023-11-14T22:13:20.000Z"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    message = orjson.loads(message_of(firing("Down"), {"path": "a\udcffb", "é": "ü"}))
    assert message["labels"] == {"path": "a\ufffdb", "é": "ü"}


@pytest.mark.parametrize(
    ("labels", "external", "sent"),
    [
        ({"a": "1"}, {}, {"a": "1"}),
        ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "2"}, {"a": "1"}),
        ({"a": ""}, {"a": "2"}, {"a": "2"}),
    ],
)
def test_external_labels_are_added_where_there_is_none(
    labels: dict[str, str], external: dict[str, str], sent: dict[str, str]
) -> None:
    assert with_external(labels, external) == sent


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
     (-1, "1969-12-31T23:59:59.999Z"), (1_700_000_000_050, "2023-11-14T22:13:20.050Z")],
)  # fmt: skip
def test_times_have_milliseconds(ms: int, text: str) -> None:
    assert time_text(ms) == text
