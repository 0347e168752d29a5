"""The settings under `rules.`. Loading this module loads nothing that computes."""

from __future__ import annotations

from dataclasses import dataclass

from storage.options import DAY_MS, HOUR_MS, MINUTE_MS, setting


@dataclass(frozen=True, slots=True)
class RulesOptions:
    """Settings of the ruler."""

    files: tuple[str, ...] = setting(
        "files",
        "list",
        (),
        "Files of rules, as paths with wildcards; read again when they change.",
    )
    tenant: str = setting(
        "tenant",
        "text",
        "",
        "Tenant of all files of rules; without one, the folder that a file lies in names its "
        "tenant.",
    )
    interval_ms: int = setting(
        "evaluation-interval",
        "duration",
        MINUTE_MS,
        "How often groups of rules are evaluated that state no interval.",
        allowed=(1, DAY_MS),
    )
    query_offset_ms: int = setting(
        "query-offset",
        "duration",
        0,
        "How far in the past groups of rules are evaluated that state no query_offset.",
        allowed=(0, DAY_MS),
    )
    threads: int = setting(
        "max-concurrency",
        "integer",
        8,
        "Rules that are evaluated at a time, those of all tenants together.",
        allowed=(1, 256),
    )
    catch_up_ms: int = setting(
        "catch-up",
        "duration",
        HOUR_MS,
        "How old an evaluation of recording rules may be that was missed and is made up for.",
        allowed=(0, 31 * DAY_MS),
    )
    catch_up_delay_ms: int = setting(
        "catch-up-delay",
        "duration",
        30_000,
        "How long after a start groups that missed evaluations wait, for senders to deliver what "
        "they kept meanwhile.",
        allowed=(0, DAY_MS),
    )
    grace_ms: int = setting(
        "alert.for-grace-period",
        "duration",
        10 * MINUTE_MS,
        "Alerts whose `for` is shorter are not restored from their series.",
    )
    tolerance_ms: int = setting(
        "alert.for-outage-tolerance",
        "duration",
        HOUR_MS,
        "How old the series of alerts may be that alerts are restored from.",
    )
    resend_ms: int = setting(
        "alert.resend-delay",
        "duration",
        MINUTE_MS,
        "How long nothing is sent of an alert that fires on.",
    )
    external_labels: tuple[str, ...] = setting(
        "external-labels",
        "list",
        (),
        "Labels that alerts are sent with, each as NAME=VALUE; templates know them, too.",
    )
    external_url: str = setting(
        "external-url",
        "text",
        "",
        "URL by which people reach the server, for links in alerts; by default web.external-url.",
    )
    federates: bool = setting(
        "tenant-federation",
        "flag",
        False,
        "Whether groups with source_tenants may read what other tenants have stored.",
    )


def label_pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """The labels of texts NAME=VALUE. Raises ValueError."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"rules.external-labels: got {text!r}; allowed is NAME=VALUE")
        found[name] = value
    return found
