"""The start-up settings of the read side, under `query.`; all are fixed at start-up."""

from dataclasses import dataclass

from storage.options import DAY_MS, MINUTE_MS, setting

# Of Prometheus, where it cannot be set.
STEPS_MAX = 11_000


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Settings under `query.`."""

    max_samples: int = setting(
        "max-samples",
        "integer",
        50_000_000,
        "Samples one query may hold in memory at a time; above it the query fails.",
        allowed=(1, 1 << 40),
    )
    max_series: int = setting(
        "max-series",
        "integer",
        0,
        "Series that all selectors of one query may match together; 0: no limit.",
        allowed=(0, 1 << 40),
    )
    max_steps: int = setting(
        "max-steps",
        "integer",
        STEPS_MAX,
        "Steps that a range query may have after its first.",
        allowed=(1, 1 << 30),
    )
    timeout_ms: int = setting(
        "timeout", "duration", 2 * MINUTE_MS, "How long a query may take, waiting included."
    )
    max_concurrency: int = setting(
        "max-concurrency",
        "integer",
        20,
        "Queries evaluated at the same time; others wait.",
        allowed=(1, 10_000),
    )
    lookback_delta_ms: int = setting(
        "lookback-delta",
        "duration",
        5 * MINUTE_MS,
        "How old the newest sample of a series may be for an instant selector to return it.",
        allowed=(1, DAY_MS),
    )
    default_evaluation_interval_ms: int = setting(
        "default-evaluation-interval",
        "duration",
        MINUTE_MS,
        "Resolution of subqueries that state none.",
        allowed=(1, DAY_MS),
    )
    max_depth: int = setting(
        "max-depth",
        "integer",
        100,
        "How deep expressions may be nested; the operands of a chain such as a + b + c count once.",
        allowed=(1, 150),
    )
    threads: int = setting(
        "threads",
        "integer",
        2,
        "Threads that all queries share to compute blocks of series.",
        allowed=(1, 256),
    )
    auto_downsampling: bool = setting(
        "auto-downsampling",
        "flag",
        False,
        "Whether range queries are answered from downsampled data where requests do not say so: "
        "then `max_source_resolution` is `auto`, a fifth of the step, else 0s.",
    )
