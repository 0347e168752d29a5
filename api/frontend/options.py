"""The start-up settings of what is kept of queries and of lists."""

from dataclasses import dataclass

from storage.options import HOUR_MS, MIB, setting

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Settings under `query.cache.`."""

    bytes_max: int = setting(
        "max-bytes",
        "bytes",
        256 * MIB,
        "Memory for results of range queries, of which later ones compute the new end only. "
        "0: none are kept.",
    )
    tenant_bytes_max: int = setting(
        "max-bytes-per-tenant",
        "bytes",
        0,
        "How much of it one tenant may have. 0: as much as others leave; where all is used, those "
        "who have most give way.",
    )
    text_bytes_max: int = setting(
        "max-text-bytes",
        "bytes",
        64 * MIB,
        "Memory for the text of answers that are wholly kept, sent as it is when the same is asked "
        "again. 0: none is kept.",
    )
    entries_max: int = setting(
        "max-entries",
        "integer",
        10_000,
        "Results that are kept at the same time.",
        allowed=(1, 1_000_000),
    )
    age_ms: int = setting(
        "max-age",
        "duration",
        HOUR_MS,
        "How long a result is kept that no query asks for. 0: as long as there is room.",
    )
    worthwhile_ms: int = setting(
        "min-evaluation-time",
        "duration",
        2,
        "What was evaluated in less is not kept.",
    )


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Settings under `query.lists-cache.`."""

    bytes_max: int = setting(
        "max-bytes",
        "bytes",
        32 * MIB,
        "Memory for lists of label names, label values and series. One may take a quarter of it. "
        "0: none are kept.",
    )
    age_ms: int = setting(
        "max-age",
        "duration",
        MINUTE_MS,
        "How long a list is kept; retention takes effect on it so much later at most.",
        allowed=(1_000, HOUR_MS),
    )
