"""The settings under `tracing.`: where spans of requests are sent, and of which requests."""

from dataclasses import dataclass

from storage.options import MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class TracingOptions:
    """Settings under `tracing.`."""

    endpoint: str = setting(
        "endpoint",
        "text",
        "",
        "URL that spans of requests are posted to as OTLP, such as "
        "http://localhost:4318/v1/traces; none are recorded without. Needs cupola[tracing].",
    )
    sampled_per_thousand: int = setting(
        "sampled-per-thousand",
        "integer",
        10,
        "How many of a thousand requests that belong to no trace are recorded. Of those that "
        "belong to one, the caller decides.",
        allowed=(0, 1_000),
    )
    timeout_ms: int = setting(
        "timeout",
        "duration",
        10 * SECOND_MS,
        "How long sending spans may take, repetitions included; they are dropped then.",
        allowed=(SECOND_MS, MINUTE_MS),
    )
    queue_max: int = setting(
        "max-queued-spans",
        "integer",
        2_048,
        "Spans that wait to be sent; those above it are dropped.",
        allowed=(512, 1 << 20),
    )
