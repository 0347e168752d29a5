"""What a replay recorded, as requests of remote write."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.importing.run import BODY_BYTES_MAX, BODY_SAMPLES_MAX
from receiver.wire.v1.writer import RequestColumns, requests_of
from rules.replay.outcome import Outcome, Recorded
from storage.labels.fields import label_fields


def bodies_of(outcome: Outcome, *, with_alerts: bool) -> Iterator[tuple[bytes, int]]:
    """(body, samples in it) of all that rules recorded."""
    for recorded in recorded_by(outcome, with_alerts=with_alerts):
        yield from requests_of(
            columns_of(recorded), bytes_max=BODY_BYTES_MAX, samples_max=BODY_SAMPLES_MAX
        )


def recorded_by(outcome: Outcome, *, with_alerts: bool) -> Iterator[Recorded]:
    """What is written, rule by rule, stale markers included. with_alerts: also ALERTS and
    ALERTS_FOR_STATE."""
    for rule in outcome.each():
        if (with_alerts or not rule.rule.is_alerting) and len(rule.recorded.samples):
            yield rule.recorded


def columns_of(recorded: Recorded) -> RequestColumns:
    return RequestColumns(*label_fields(recorded.labels), recorded.samples)
