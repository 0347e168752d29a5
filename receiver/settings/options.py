"""The start-up settings of the program and of the receiver: `web.`, `write.`, `limits.` ...

Loading this module loads neither numba nor DuckDB.
"""

from dataclasses import dataclass

from storage.dedup.algorithm import Algorithm
from storage.options import DAY_MS, GIB, KIB, MIB, MINUTE_MS, setting

SECOND_MS = 1_000
# What the decoder itself can do, whatever is configured: bodies once acknowledged must still be
# readable from the log after a setting was lowered.
DECODED_BYTES_CEILING = 1 * GIB
# What fits into a record of the log (storage.log.record.PAYLOAD_BYTES_MAX), with room for the list
# of series that were left out.
BODY_BYTES_CEILING = 240 * MIB
# What a head has room for at the end of its arrays (storage.head.head.GROUP_SAMPLES_MAX).
REQUEST_SAMPLES_CEILING = 4_000_000
# Of native histograms: buckets and custom bounds of one, and of all of a request.
BUCKETS_CEILING = 1_000_000
REQUEST_BUCKETS_CEILING = 4_000_000
# Kinds of names in a certificate, by what ssl calls them: fields of the subject, then alternatives.
CERTIFICATE_FIELDS = {
    "commonName": "commonName",
    "organization": "organizationName",
    "organizationalUnit": "organizationalUnitName",
    "dns": "DNS",
    "uri": "URI",
    "email": "email",
}


@dataclass(frozen=True, slots=True)
class ProgramOptions:
    """Settings without a prefix."""

    features: tuple[str, ...] = setting(
        "enable-feature",
        "list",
        (),
        "Features of the query language to switch on, by Prometheus' names; all means every one.",
    )
    role: str = setting(
        "role",
        "text",
        "all",
        "What the process does: all of it, or answer queries only, from a bucket that another one "
        "writes.",
        allowed=("all", "query"),
    )
    processes: int = setting(
        "processes",
        "integer",
        1,
        "Processes that share the shards and the work; as many as there are shards at most.",
        allowed=(1, 1024),
    )
    bytes_between_processes_max: int = setting(
        "max-bytes-between-processes",
        "bytes",
        1 << 30,
        "Bytes of labels and samples that one process reads from another one at once.",
        allowed=(1 << 20, 1 << 40),
    )
    log_level: str = setting(
        "log.level",
        "text",
        "info",
        "Least severe messages to log.",
        allowed=("debug", "info", "warning", "error"),
    )
    log_format: str = setting(
        "log.format", "text", "logfmt", "Form of the log's lines.", allowed=("logfmt", "json")
    )

    own_kernels: bool = setting(
        "kernels.for-this-processor",
        "flag",
        False,
        "Where there are kernels for any processor only, compile them for this one in the "
        "background, for later starts.",
    )

    reload_interval_ms: int = setting(
        "reload-interval",
        "duration",
        5 * SECOND_MS,
        "How often files that may change while the program runs are looked at; SIGHUP does it now.",
        allowed=(10, DAY_MS),
    )


@dataclass(frozen=True, slots=True)
class LimitsOptions:
    """Settings under `limits.`."""

    file: str = setting(
        "file", "text", "", "YAML file with limits of tenants, read again when it changes."
    )
    rate_limit_status: str = setting(
        "rate-limit-status",
        "text",
        "429",
        "Answer to a write above a rate. Prometheus drops the data of 429 by default, not of 503.",
        allowed=("429", "503"),
    )


@dataclass(frozen=True, slots=True)
class AuthOptions:
    """Settings under `auth.`."""

    file: str = setting(
        "file",
        "text",
        "",
        "YAML file with tokens and what users and tokens may do, read again when it changes.",
    )


@dataclass(frozen=True, slots=True)
class TenantOptions:
    """Settings under `tenant.`."""

    certificate_field: str = setting(
        "certificate-field",
        "text",
        "none",
        "Field of the client's certificate whose value is the tenant; it beats the header.",
        allowed=("none", *CERTIFICATE_FIELDS),
    )
    label: str = setting(
        "label",
        "text",
        "",
        "Label whose value is the tenant of a series; it is removed, and beats the header.",
    )


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Settings under `web.`."""

    config_file: str = setting(
        "config.file",
        "text",
        "",
        "Web configuration file of Prometheus with TLS and users, read again when it changes.",
    )

    admin_api: bool = setting(
        "enable-admin-api",
        "flag",
        False,
        "Whether series and tenants can be deleted, and snapshots taken, over HTTP.",
    )
    listen_address: str = setting(
        "listen-address",
        "text",
        "127.0.0.1:9009",
        "Host and port to serve on; :9009 and 0.0.0.0:9009 mean every address of the machine.",
    )
    external_url: str = setting(
        "external-url",
        "text",
        "",
        "URL by which clients reach the server, such as that of a proxy before it; for redirects.",
    )
    route_prefix: str = setting(
        "route-prefix",
        "text",
        "",
        "Path that all paths begin with; without it that of web.external-url, and / means none.",
    )
    connections_max: int = setting(
        "max-connections",
        "integer",
        4_096,
        "Connections that may be open at a time; those above it are closed at once.",
        allowed=(1, 1 << 20),
    )
    read_timeout_ms: int = setting(
        "read-timeout",
        "duration",
        5 * MINUTE_MS,
        "How long a connection may wait for the whole head of its next request; then it is closed.",
        allowed=(1, DAY_MS),
    )
    head_bytes_max: int = setting(
        "max-head-bytes",
        "bytes",
        1 * MIB,
        "Size of the largest head of a request, URL and headers; above it the answer is 431.",
        allowed=(8 * KIB, 64 * MIB),
    )
    headers_max: int = setting(
        "max-headers",
        "integer",
        1_000,
        "Headers that a request may have; above it the answer is 431.",
        allowed=(32, 100_000),
    )
    shutdown_timeout_ms: int = setting(
        "shutdown-timeout",
        "duration",
        30 * SECOND_MS,
        "How long requests may take to finish when the program is asked to stop.",
    )


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Settings under `write.`."""

    body_bytes_max: int = setting(
        "max-body-bytes",
        "bytes",
        32 * MIB,
        "Size of the largest request body as it is sent; above it the answer is 413.",
        allowed=(1, BODY_BYTES_CEILING),
    )
    decoded_bytes_max: int = setting(
        "max-decoded-bytes",
        "bytes",
        32 * MIB,
        "Size of the largest request body once uncompressed; above it the answer is 413.",
        allowed=(1, DECODED_BYTES_CEILING),
    )
    request_samples_max: int = setting(
        "max-samples-per-request",
        "integer",
        1_000_000,
        "Samples that one request may hold, and also series, exemplars and entries of metadata; "
        "above it the answer is 413.",
        allowed=(1, REQUEST_SAMPLES_CEILING),
    )
    request_symbols_max: int = setting(
        "max-symbols-per-request",
        "integer",
        1_000_000,
        "Symbols that one remote write 2.0 request may have; above it the answer is 413.",
        allowed=(1, DECODED_BYTES_CEILING),
    )
    histogram_buckets_max: int = setting(
        "max-buckets-per-histogram",
        "integer",
        20_000,
        "Buckets and custom bounds of one native histogram; a larger one is refused.",
        allowed=(1, BUCKETS_CEILING),
    )
    request_buckets_max: int = setting(
        "max-buckets-per-request",
        "integer",
        1_000_000,
        "Buckets and custom bounds of all native histograms of a request; above it the answer is "
        "413.",
        allowed=(1, REQUEST_BUCKETS_CEILING),
    )
    inflight_bytes_max: int = setting(
        "max-inflight-bytes",
        "bytes",
        256 * MIB,
        "Bytes of bodies, compressed and uncompressed, held at a time; above it the answer is 503.",
        allowed=(1, 1 << 50),
    )
    inflight_requests_max: int = setting(
        "max-inflight-requests",
        "integer",
        4_000,
        "Write requests handled at a time; above it the answer is 503.",
        allowed=(1, 1 << 40),
    )
    read_timeout_ms: int = setting(
        "read-timeout",
        "duration",
        MINUTE_MS,
        "How long a sender may take to send a body; above it the answer is 503. 0: no limit.",
    )


@dataclass(frozen=True, slots=True)
class OtlpOptions:
    """Settings under `otlp.`; named as in the section `otlp` of Prometheus' configuration."""

    translation_strategy: str = setting(
        "translation-strategy",
        "text",
        "UnderscoreEscapingWithSuffixes",
        "How names of OpenTelemetry become names of Prometheus.",
        allowed=(
            "UnderscoreEscapingWithSuffixes",
            "UnderscoreEscapingWithoutSuffixes",
            "NoUTF8EscapingWithSuffixes",
            "NoTranslation",
        ),
    )
    promoted_attributes: tuple[str, ...] = setting(
        "promote-resource-attributes",
        "list",
        (),
        "Attributes of resources that become labels of all their series.",
    )
    promote_all: bool = setting(
        "promote-all-resource-attributes",
        "flag",
        False,
        "Whether all attributes of resources become labels of all their series.",
    )
    ignored_attributes: tuple[str, ...] = setting(
        "ignore-resource-attributes",
        "list",
        (),
        "Attributes of resources that do not, where all of them are promoted.",
    )
    keep_identifying: bool = setting(
        "keep-identifying-resource-attributes",
        "flag",
        False,
        "Whether target_info has service.name, service.namespace and service.instance.id too.",
    )
    promote_scope: bool = setting(
        "promote-scope-metadata",
        "flag",
        False,
        "Whether name, version and attributes of scopes become labels of their series.",
    )
    histograms_to_custom: bool = setting(
        "convert-histograms-to-nhcb",
        "flag",
        False,
        "Whether histograms with explicit bounds become native ones with custom buckets.",
    )
    decoded_bytes_max: int = setting(
        "max-decoded-bytes",
        "bytes",
        8 * MIB,
        "Size of the largest OpenTelemetry request once uncompressed; above it the answer is 413.",
        allowed=(1, 256 * MIB),
    )


@dataclass(frozen=True, slots=True)
class DedupOptions:
    """Settings under `dedup.`."""

    replica_labels: tuple[str, ...] = setting(
        "replica-labels",
        "list",
        ("prometheus_replica", "__replica__"),
        "Labels that tell replicas apart; queries see series that are equal without them as one.",
    )
    cluster_labels: tuple[str, ...] = setting(
        "cluster-labels",
        "list",
        ("cluster",),
        "Labels that tell apart replicas of the same name; used to report on replicas only.",
    )
    algorithm: str = setting(
        "algorithm",
        "text",
        "auto",
        "How one series is made of several replicas, where a query does not say.",
        allowed=tuple(algorithm.value for algorithm in Algorithm),
    )
    tenant_algorithms: tuple[str, ...] = setting(
        "tenant-algorithms",
        "list",
        (),
        "Algorithms of tenants that are to have another one, each as TENANT=ALGORITHM.",
    )
