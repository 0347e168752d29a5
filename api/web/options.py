"""The start-up settings of the HTTP API, under `api.`; all are fixed at start-up."""

from dataclasses import dataclass

from storage.options import MIB, MINUTE_MS, setting


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
