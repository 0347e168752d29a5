"""Settings under `rules.alertmanagers.`."""

from dataclasses import dataclass

from storage.options import DAY_MS, GIB, KIB, MIB, MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class AlertmanagerOptions:
    """Where alerts are sent, and how."""

    urls: tuple[str, ...] = setting(
        "urls",
        "list",
        (),
        "Alertmanagers that get the alerts of all tenants, each of them all; user:password@ in a "
        "URL is basic auth.",
    )
    file: str = setting(
        "file",
        "text",
        "",
        "YAML file with Prometheus' section alerting: Alertmanagers, of all tenants or of some, "
        "read again when it changes.",
    )
    timeout_ms: int = setting(
        "timeout",
        "duration",
        10 * SECOND_MS,
        "How long one request to an Alertmanager may take, where the file does not say.",
        allowed=(1, 10 * MINUTE_MS),
    )
    queue_items_max: int = setting(
        "queue-capacity",
        "integer",
        10_000,
        "Alerts of one tenant that wait for one Alertmanager; above it the oldest are dropped.",
        allowed=(1, 1_000_000),
    )
    queue_bytes_max: int = setting(
        "queue-bytes",
        "bytes",
        64 * MIB,
        "Bytes of the alerts of one tenant that wait for one Alertmanager; above it the oldest are "
        "dropped.",
        allowed=(64 * KIB, 16 * GIB),
    )
    batch_items_max: int = setting(
        "batch-size",
        "integer",
        64,
        "Alerts that one request to an Alertmanager holds.",
        allowed=(1, 10_000),
    )
    backoff_ms_max: int = setting(
        "max-backoff",
        "duration",
        30 * SECOND_MS,
        "Longest pause before a request that failed is tried again; the first one is a second.",
        allowed=(1, DAY_MS),
    )
    drain_ms: int = setting(
        "drain-timeout",
        "duration",
        10 * SECOND_MS,
        "How long alerts that wait are still sent when the program is asked to stop.",
        allowed=(0, 10 * MINUTE_MS),
    )
