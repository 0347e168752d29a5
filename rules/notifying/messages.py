"""An alert as an Alertmanager gets it: one object of JSON, made once for all that get the same.

External labels are added where an alert has none of that name, and then relabelling makes of its
labels what identifies it from there on.
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from rules.evaluation.rows import Labels
from rules.ruler.ports import Notice


def with_external(labels: Labels, external: Labels) -> dict[str, str]:
    return {**external, **{name: text for name, text in labels.items() if text}}


def message_of(notice: Notice, labels: Labels) -> bytes:
    """labels: as they are sent."""
    alert = notice.alert
    body = {
        "annotations": dict(alert.annotations),
        "endsAt": time_text(end_ms_of(notice)),
        "startsAt": time_text(alert.fired_ms or alert.active_ms),
        "generatorURL": notice.generator_url,
        "labels": dict(labels),
    }
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # surrogate escapes, of bytes that are no UTF-8
        return orjson.dumps(readable(body), option=orjson.OPT_SORT_KEYS)


def end_ms_of(notice: Notice) -> int:
    """When an alert ended; while it fires, when it ends if it is not heard of again."""
    alert = notice.alert
    if alert.resolved_ms is not None:
        return alert.resolved_ms
    assert alert.valid_until_ms is not None, "BUG: an alert to be sent without an end"
    return alert.valid_until_ms


def time_text(ms: int) -> str:
    """RFC 3339 with milliseconds."""
    return (
        datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"
    )


def readable(value: object) -> object:
    """The same with a replacement character for what is no UTF-8."""
    if isinstance(value, dict):
        return {readable(name): readable(text) for name, text in value.items()}
    assert isinstance(value, str), "BUG: a message holds texts only"
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
