"""The settings under `stores.`: other stores whose series queries show, too."""

from dataclasses import dataclass

from storage.options import DAY_MS, GIB, MIB, MINUTE_MS, setting

SECOND_MS = 1_000


@dataclass(frozen=True, slots=True)
class StoresOptions:
    """Settings under `stores.`."""

    endpoints: tuple[str, ...] = setting(
        "endpoints",
        "list",
        (),
        "StoreAPI servers to ask, such as sidecars and store gateways of Thanos: host:port, or a "
        "name behind dns+, dnssrv+ or dnssrvnoa+.",
    )
    strict_endpoints: tuple[str, ...] = setting(
        "strict-endpoints",
        "list",
        (),
        "Those of them that are asked, and missed, however long they have not answered.",
    )
    remote_read: tuple[str, ...] = setting(
        "remote-read",
        "list",
        (),
        "URLs of remote read of servers to ask, such as a Prometheus without a sidecar.",
    )
    file: str = setting(
        "file",
        "text",
        "",
        "YAML file with more endpoints, as Thanos' file of endpoints, and servers of remote read, "
        "with their TLS, headers and tenants; read again when it changes.",
    )
    tenant: str = setting(
        "tenant", "text", "default", "Tenant whose queries show what stores have."
    )
    tenant_label: str = setting(
        "tenant-label",
        "text",
        "",
        "Label of the stores' series whose value is the tenant, such as tenant_id of Thanos' "
        "receivers; it is not shown. Then every tenant sees its own.",
    )
    info_interval_ms: int = setting(
        "info-interval",
        "duration",
        5 * SECOND_MS,
        "How often stores are asked what they have, which is also how long they may take to say.",
        allowed=(10, DAY_MS),
    )
    dns_interval_ms: int = setting(
        "dns-interval",
        "duration",
        30 * SECOND_MS,
        "How often the names of endpoints are looked up.",
        allowed=(10, DAY_MS),
    )
    unhealthy_timeout_ms: int = setting(
        "unhealthy-timeout",
        "duration",
        5 * MINUTE_MS,
        "How long a store that does not answer, or does not any more, is missed in answers.",
    )
    timeout_ms: int = setting(
        "timeout",
        "duration",
        MINUTE_MS,
        "How long a store may take for an answer; what it has then is missing.",
        allowed=(1, DAY_MS),
    )
    response_timeout_ms: int = setting(
        "response-timeout",
        "duration",
        30 * SECOND_MS,
        "How long a store may send nothing during an answer.",
        allowed=(1, DAY_MS),
    )
    bytes_max: int = setting(
        "max-bytes",
        "bytes",
        256 * MIB,
        "Size of one answer of a store as it is sent, and of the text of its labels.",
        allowed=(1 << 16, 16 * GIB),
    )
    series_max: int = setting(
        "max-series", "integer", 1_000_000, "Series of one answer of a store.", allowed=(1, 1 << 31)
    )
    chunks_max: int = setting(
        "max-chunks", "integer", 10_000_000, "Chunks of one answer of a store.", (1, 1 << 40)
    )
    samples_max: int = setting(
        "max-samples", "integer", 50_000_000, "Samples of one answer of a store.", (1, 1 << 40)
    )
    concurrency_max: int = setting(
        "max-concurrency",
        "integer",
        32,
        "Answers of stores that are read at a time.",
        allowed=(1, 1_024),
    )
    buckets: tuple[str, ...] = setting(
        "thanos-bucket",
        "list",
        (),
        "Files, each with a bucket of Thanos' blocks, in the form of Thanos' objstore.yml, whose "
        "series are shown, too; they are only read.",
    )
    bucket_interval_ms: int = setting(
        "thanos-bucket-interval",
        "duration",
        3 * MINUTE_MS,
        "How often these buckets are listed.",
        allowed=(10, DAY_MS),
    )
    bucket_deletion_delay_ms: int = setting(
        "thanos-bucket-deletion-delay",
        "duration",
        DAY_MS,
        "How long a block of these buckets is read after it was marked for deletion.",
    )
    bucket_pages_bytes: int = setting(
        "thanos-bucket-cache-size",
        "bytes",
        256 * MIB,
        "Memory for what was read of blocks in these buckets last.",
        allowed=(1 * MIB, 1 << 40),
    )
    bucket_headers_bytes: int = setting(
        "thanos-bucket-index-cache-size",
        "bytes",
        512 * MIB,
        "Memory for the symbols of blocks in these buckets, and where their lists of series are.",
        allowed=(1 * MIB, 1 << 40),
    )
