"""The start-up settings of storage, and how every layer declares its settings.

A setting is a field of a frozen dataclass: its key (the part after the layer's prefix), its kind,
its default and one sentence. The configuration file, the flags and docs/configuration.md are made
from these. Loading this module loads neither numba nor DuckDB.

Kinds: text, integer, bytes (64MiB, 1GB), duration (15d, 1h30m; held in int ms), flag, list.
Allowed: (least, largest) of a number, both inclusive, or the texts that a text may be; by default
every number from 0 on and every text.
"""

from dataclasses import dataclass, field
from typing import Any

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


def setting(
    key: str, kind: str, default: Any, sentence: str, allowed: tuple[Any, ...] | None = None
) -> Any:
    """A dataclass field that is a setting; see the module's text for kinds and allowed values."""
    metadata = {"key": key, "kind": kind, "help": sentence, "allowed": allowed}
    if isinstance(default, list | tuple):
        return field(default_factory=lambda: tuple(default), metadata=metadata)
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Settings under `storage.`; all are fixed at start-up."""

    path: str = setting("path", "text", "./data", "Directory that holds all data.")
    retention_ms: int = setting(
        "retention",
        "duration",
        15 * DAY_MS,
        "How long samples are kept; older ones are refused and dropped. 0 keeps them for ever and "
        "accepts samples of any time.",
    )
    retention_5m_ms: int = setting(
        "retention-5m",
        "duration",
        30 * DAY_MS,
        "How long samples that were downsampled to 5 minutes are kept; 0 keeps them for ever.",
    )
    retention_1h_ms: int = setting(
        "retention-1h",
        "duration",
        90 * DAY_MS,
        "How long samples that were downsampled to an hour are kept; 0 keeps them for ever.",
    )
    retention_bytes: int = setting(
        "retention-size",
        "bytes",
        0,
        "How large all segments together may be; above it the oldest are dropped. 0: no limit.",
    )
    creation_grace_period_ms: int = setting(
        "creation-grace-period",
        "duration",
        10 * MINUTE_MS,
        "How far in the future a sample may be. Not checked where retention is 0.",
    )
    shards: int = setting(
        "shards",
        "integer",
        4,
        "Number of shards of a new data directory; an existing one keeps the number it has.",
        (1, 1024),
    )
    head_samples_max: int = setting(
        "head.max-samples",
        "integer",
        32_000_000,
        "Samples a shard's head may hold; from half of it on the head is sealed.",
        (1, 1 << 32),
    )
    head_buckets_max: int = setting(
        "head.max-histogram-buckets",
        "integer",
        32_000_000,
        "Buckets of native histograms a shard's head may hold; from half of it on it is sealed.",
        (1, 1 << 32),
    )
    head_age_ms: int = setting(
        "head.max-age",
        "duration",
        2 * HOUR_MS,
        "Age at which a head is sealed into a segment; staggered between the shards.",
    )
    series_max: int = setting(
        "max-series",
        "integer",
        10_000_000,
        "Series one shard may know within the retention.",
        (1, 1 << 30),
    )
    symbol_bytes_max: int = setting(
        "max-symbol-bytes",
        "bytes",
        4 * GIB,
        "Length of all distinct label names and values of a shard together.",
        (1 << 10, 1 << 40),
    )
    tenants_max: int = setting(
        "max-tenants", "integer", 10_000, "Tenants a data directory may have.", (1, 65_535)
    )
    labels_per_series_max: int = setting(
        "max-labels-per-series",
        "integer",
        128,
        "Labels a series may have, __name__ included.",
        (1, 100_000),
    )
    label_bytes_max: int = setting(
        "max-label-bytes",
        "bytes",
        64 * 1024,
        "Length of the longest label name or value.",
        (1, 1 << 30),
    )
    exemplars_in_head_max: int = setting(
        "exemplars.max-in-head",
        "integer",
        200_000,
        "Exemplars a shard holds in memory until its head is sealed; above it the oldest of the "
        "tenants with the most give way.",
        (2, 1 << 24),
    )
    exemplars_per_tenant_max: int = setting(
        "exemplars.max-per-tenant",
        "integer",
        100_000,
        "Exemplars of one tenant that a head keeps, the newest ones. 0 switches exemplars off.",
        (0, 1 << 24),
    )
    exemplars_per_series_max: int = setting(
        "exemplars.max-per-series",
        "integer",
        1_000,
        "Exemplars of one series that a head keeps, the newest ones.",
        (1, 1 << 24),
    )
    metadata_families_max: int = setting(
        "metadata.max-families",
        "integer",
        20_000,
        "Metric families of one tenant whose type, help text and unit are kept.",
        (1, 1 << 24),
    )
    metadata_text_bytes_max: int = setting(
        "metadata.max-text-bytes",
        "bytes",
        4 * KIB,
        "Length of the longest help text or unit; the rest of a longer one is cut off.",
        (1, 1 << 20),
    )
    queue_requests_max: int = setting(
        "write-queue.max-requests",
        "integer",
        1_000,
        "Write requests that may wait for one shard; above it the answer is 503.",
        (1, 1 << 20),
    )
    deletions_pending_max: int = setting(
        "max-pending-deletions",
        "integer",
        1_000,
        "Deletions of one tenant that may wait for segments to be rewritten; above it none is "
        "accepted.",
        (1, 1 << 20),
    )
    ledger_entries_max: int = setting(
        "rejected.max-entries",
        "integer",
        20_000,
        "Refused series, all tenants together, that /api/v1/status/rejected remembers.",
        (1, 1 << 20),
    )
    select_series_max: int = setting(
        "select.max-series", "integer", 2_000_000, "Series one selector may match.", (1, 1 << 30)
    )
    select_samples_max: int = setting(
        "select.max-samples",
        "integer",
        200_000_000,
        "Samples one selector may read from disk.",
        (1, 1 << 40),
    )
    select_exemplars_max: int = setting(
        "select.max-exemplars",
        "integer",
        200_000,
        "Exemplars one request may read.",
        (1, 1 << 30),
    )
    compaction_enabled: bool = setting(
        "compaction.enabled",
        "flag",
        True,
        "Whether the segments of a window of time are merged in the background.",
    )
    compaction_samples_max: int = setting(
        "compaction.max-samples",
        "integer",
        1_000_000_000,
        "Samples that are merged into one segment; windows with more keep several.",
        (1, 1 << 40),
    )
    compaction_share: int = setting(
        "compaction.share",
        "integer",
        50,
        "Percent of its time that compaction works; it rests in between.",
        (1, 100),
    )
    compaction_bytes_per_second: int = setting(
        "compaction.max-bytes-per-second",
        "bytes",
        0,
        "Bytes that compaction and scrub read and write in a second. 0 sets no limit.",
        (0, 1 << 40),
    )
    downsampling_enabled: bool = setting(
        "downsampling.enabled",
        "flag",
        True,
        "Whether old samples are downsampled in the background, to 5 minutes and to an hour.",
    )
    downsampling_5m_after_ms: int = setting(
        "downsampling.5m-after",
        "duration",
        40 * HOUR_MS,
        "How old the samples of a day are when they are downsampled to 5 minutes.",
    )
    downsampling_1h_after_ms: int = setting(
        "downsampling.1h-after",
        "duration",
        10 * DAY_MS,
        "How old the samples of a day are when windows of 5 minutes become windows of an hour.",
    )
    scrub_interval_ms: int = setting(
        "scrub-interval",
        "duration",
        7 * DAY_MS,
        "How often each segment is compared with its checksums. 0 switches that off.",
    )
    segment_cache_bytes: int = setting(
        "segment-cache.max-bytes",
        "bytes",
        256 * MIB,
        "Memory for samples of segments that were decoded last, 16 bytes each.",
        (0, 1 << 50),
    )
    segment_index_bytes: int = setting(
        "segment-index.max-bytes",
        "bytes",
        96 * MIB,
        "Memory for where samples lie in segments: footers, and the rows of series.",
        (0, 1 << 50),
    )
    segment_index_preload: bool = setting(
        "segment-index.preload",
        "flag",
        True,
        "Whether that is read in the background, before a query needs it.",
    )
    duckdb_memory_bytes: int = setting(
        "duckdb.memory-limit",
        "bytes",
        1 * GIB,
        "Memory DuckDB may use to seal and read segments.",
        (64 * MIB, 1 << 50),
    )
    duckdb_threads: int = setting(
        "duckdb.threads", "integer", 2, "Threads DuckDB may use.", (1, 1024)
    )
