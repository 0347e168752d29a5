"""The start-up settings of the gRPC server, under `grpc.`; all are fixed at start-up."""

from dataclasses import dataclass

from storage.options import KIB, MIB, setting


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Settings under `grpc.`."""

    listen_address: str = setting(
        "listen-address",
        "text",
        "",
        "host:port to serve the StoreAPI of Thanos on; nothing is served without one.",
    )
    default_tenant: str = setting(
        "default-tenant",
        "text",
        "default",
        "Tenant of callers that name none; Thanos' own default-tenant counts as none.",
    )
    announced_labels: tuple[str, ...] = setting(
        "announced-labels",
        "list",
        (),
        "Labels whose values are announced to queriers, if every series has them.",
    )
    streams_max: int = setting(
        "max-concurrent-streams",
        "integer",
        100,
        "Requests that are open at a time; others are refused.",
        allowed=(1, 100_000),
    )
    request_bytes_max: int = setting(
        "max-request-bytes",
        "bytes",
        4 * MIB,
        "Size of a request.",
        allowed=(1 * KIB, 64 * MIB),
    )
    frame_bytes_max: int = setting(
        "max-frame-bytes",
        "bytes",
        1 * MIB,
        "Size of a message with series; a larger chunk has its own.",
        allowed=(1 * KIB, 64 * MIB),
    )
    held_bytes_max: int = setting(
        "max-held-bytes",
        "bytes",
        512 * MIB,
        "Encoded chunks that one request holds, so that series are sent in order.",
        allowed=(1 * MIB, 1 << 40),
    )
