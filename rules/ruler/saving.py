"""Alerts as bytes, to be kept between two lives of the process, and what of them is kept exactly.

All that decides what happens to an alert next is kept: its labels, its state and all its times.
Its value and its annotations are those of the latest time that anything else changed; the next
evaluation gives new ones. A value that is a histogram is not kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import xxhash

from rules.evaluation.alerts import Alert, Alerts, State
from rules.evaluation.rows import Key, key_of
from rules.groups import Group

FORM = 1


class KeptAlert(msgspec.Struct, array_like=True, frozen=True):
    """An alert as it is kept."""

    labels: dict[str, str]
    annotations: dict[str, str]
    value: float | None
    state: str
    active_ms: int
    fired_ms: int | None
    resolved_ms: int | None
    keep_firing_ms: int | None
    last_sent_ms: int | None
    valid_until_ms: int | None


class KeptAlerts(msgspec.Struct, array_like=True, frozen=True):
    """All alerts of a rule. form: a number of this form."""

    form: int
    alerts: list[KeptAlert]


_DECODER = msgspec.msgpack.Decoder(KeptAlerts)


def encode(alerts: Alerts) -> bytes:
    """Nothing for none."""
    if not alerts:
        return b""
    kept = [
        KeptAlert(
            dict(alert.labels),
            dict(alert.annotations),
            float(alert.value) if isinstance(alert.value, float) else None,
            alert.state.value,
            alert.active_ms,
            alert.fired_ms,
            alert.resolved_ms,
            alert.keep_firing_ms,
            alert.last_sent_ms,
            alert.valid_until_ms,
        )
        for alert in alerts.values()
    ]
    return msgspec.msgpack.encode(KeptAlerts(FORM, kept))


def decode(content: bytes) -> dict[Key, Alert]:
    """Raises ValueError if it was not made by encode()."""
    if not content:
        return {}
    try:
        kept = _DECODER.decode(content)
    except msgspec.MsgspecError as error:
        raise ValueError(f"alerts cannot be read: {error}") from error
    if kept.form != FORM:
        raise ValueError(f"alerts are kept in form {kept.form}, this program reads {FORM}")
    return {key_of(alert.labels): _alert(alert) for alert in kept.alerts}


def _alert(kept: KeptAlert) -> Alert:
    return Alert(
        kept.labels,
        kept.annotations,
        math.nan if kept.value is None else kept.value,
        State(kept.state),
        kept.active_ms,
        kept.fired_ms,
        kept.resolved_ms,
        kept.keep_firing_ms,
        kept.last_sent_ms,
        kept.valid_until_ms,
    )


def essence(alerts: Alerts) -> frozenset[Any]:
    """What has to be kept exactly: two maps of alerts that are equal in it need be kept once."""
    return frozenset(
        (
            key,
            alert.state,
            alert.active_ms,
            alert.fired_ms,
            alert.resolved_ms,
            alert.keep_firing_ms,
            alert.last_sent_ms,
            alert.valid_until_ms,
        )
        for key, alert in alerts.items()
    )


def fingerprints(group: Group) -> list[str]:
    """What identifies each rule of a group, as far as its alerts go on: name and labels. Of rules
    that are equal in these, their order counts."""
    seen: dict[str, int] = {}
    found = []
    for rule in group.rules:
        labels = sorted(group.labels_of(rule).items())
        kind = "alert" if rule.is_alerting else "record"
        text = _text_of([(kind, rule.name), *labels])
        number = seen[text] = seen.get(text, -1) + 1
        found.append(f"{text}{number:x}")
    return found


def _text_of(pairs: Iterable[tuple[str, str]]) -> str:
    packed = msgspec.json.encode([[ascii(name), ascii(text)] for name, text in pairs])
    return f"{xxhash.xxh3_128_intdigest(packed):032x}"
