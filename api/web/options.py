"""The start-up settings of the HTTP API, under `api.`; all are fixed at start-up."""

from dataclasses import dataclass

from storage.options import MIB, MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Settings under `api.`."""

    waiting_max: int = setting(
        "max-waiting-requests",
        "integer",
        200,
        "Requests that may wait for one of query.max-concurrency to end; others are answered 503.",
    )
    form_bytes_max: int = setting(
        "max-form-bytes", "bytes", 10 * MIB, "Size of the longest form a request may post."
    )
    form_fields_max: int = setting(
        "max-form-fields", "integer", 1_000, "Fields a request may have, in URL and form together."
    )
    send_timeout_ms: int = setting(
        "send-timeout",
        "duration",
        MINUTE_MS,
        "How long a client may take to receive one part of a large answer before it is cut off.",
    )
    federated_tenants_max: int = setting(
        "max-federated-tenants",
        "integer",
        16,
        "Tenants that one request may read together, named with | between them.",
        allowed=(1, 1_000),
    )
    cors_origin: str = setting(
        "cors-origin",
        "text",
        ".*",
        "Regular expression, matched in full, of the origins that browsers may call the API from.",
    )
    read_samples_max: int = setting(
        "remote-read.max-samples",
        "integer",
        50_000_000,
        "Samples that a remote read may return where the client cannot take them as chunks.",
        allowed=(1, 1 << 40),
    )
    read_concurrency_max: int = setting(
        "remote-read.max-concurrency",
        "integer",
        10,
        "Remote reads that run at a time; others wait.",
        allowed=(1, 10_000),
    )
    read_frame_bytes_max: int = setting(
        "remote-read.max-bytes-in-frame",
        "bytes",
        1 * MIB,
        "Size of a frame in which a remote read returns chunks; a larger chunk has its own.",
        allowed=(1, 50 * MIB),
    )
    read_queries_max: int = setting(
        "remote-read.max-queries",
        "integer",
        100,
        "Queries that one remote read may hold.",
        allowed=(1, 10_000),
    )
    replay_concurrency_max: int = setting(
        "replay.max-concurrency",
        "integer",
        2,
        "Replays of rules that run at a time; others wait.",
        allowed=(1, 10_000),
    )
    tenant_concurrency_max: int = setting(
        "max-concurrency-per-tenant",
        "integer",
        0,
        "Requests of one tenant that are computed at the same time; others wait. 0: no limit.",
        allowed=(0, 10_000),
    )
    tenant_waiting_max: int = setting(
        "max-waiting-requests-per-tenant",
        "integer",
        0,
        "Requests of one tenant that may wait; others are answered 503. 0: no limit.",
        allowed=(0, 1_000_000),
    )
    answer_bytes_max: int = setting(
        "max-answer-bytes",
        "bytes",
        0,
        "Size of an answer before it is compressed; above it the request fails. 0: no limit.",
    )
    slow_query_ms: int = setting(
        "slow-query-threshold",
        "duration",
        10 * SECOND_MS,
        "From how long on a request is logged and listed as a slow one. 0: none is.",
    )
    slow_queries_max: int = setting(
        "max-slow-queries",
        "integer",
        200,
        "Slow requests that are remembered; the oldest are forgotten first.",
        allowed=(1, 100_000),
    )
