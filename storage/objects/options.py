"""The start-up settings of object storage. Loading this module loads no client."""

from dataclasses import dataclass

from storage.options import GIB, HOUR_MS, KIB, MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """Settings under `objstore.`; all are fixed at start-up."""

    config_file: str = setting(
        "config-file",
        "text",
        "",
        "File with the bucket, in the form of Thanos' objstore.yml; none: there is no bucket.",
    )
    config: str = setting("config", "text", "", "The contents of such a file, in place of a file.")
    request_timeout_ms: int = setting(
        "request-timeout",
        "duration",
        30 * SECOND_MS,
        "How long one request to the bucket may take, its body included.",
        (SECOND_MS, HOUR_MS),
    )
    tries_max: int = setting(
        "max-tries",
        "integer",
        5,
        "How often a request to the bucket is tried, with growing rests in between.",
        (1, 100),
    )
    requests_max: int = setting(
        "max-requests",
        "integer",
        32,
        "Requests to the bucket that are under way at a time.",
        (1, 1_000),
    )
    interval_ms: int = setting(
        "interval",
        "duration",
        10 * SECOND_MS,
        "How often it is looked for segments to upload or to delete.",
        (100, HOUR_MS),
    )
    delete_delay_ms: int = setting(
        "delete-delay",
        "duration",
        HOUR_MS,
        "How long a segment that is not in use any more stays in the bucket, for processes that "
        "read there.",
    )
    partial_delay_ms: int = setting(
        "partial-upload-delay",
        "duration",
        48 * HOUR_MS,
        "Age from which an upload that was not finished is deleted.",
        (MINUTE_MS, 365 * 24 * HOUR_MS),
    )
    local_bytes: int = setting(
        "local-size",
        "bytes",
        0,
        "How large samples on the local disk may be together that the bucket has, too; above it "
        "those go that were read least lately. 0: all stay.",
    )
    cache_bytes: int = setting(
        "cache-size",
        "bytes",
        4 * GIB,
        "Disk for parts of segments that were fetched from the bucket; the least used give way.",
        (64 * KIB, 1 << 50),
    )
    refresh_ms: int = setting(
        "refresh-interval",
        "duration",
        MINUTE_MS,
        "How often a process that only reads looks for what is new in the bucket.",
        (100, 24 * HOUR_MS),
    )
