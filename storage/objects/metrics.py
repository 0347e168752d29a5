"""The metrics of object storage."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OPERATIONS = ("get", "get_range", "put", "list", "delete")
READING = ("get", "get_range", "list")


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose requests are counted. prefix: of the names of metrics; what: it is in their texts."""

    prefix: str
    what: str
    is_written: bool = True


OWN = Kind("cupola_objstore", "the bucket")
THANOS = Kind("cupola_thanos_objstore", "buckets of Thanos' blocks", is_written=False)


class ObjectMetrics:
    """What is asked of a bucket. Registered once, also where there is no bucket."""

    def __init__(self, registry: CollectorRegistry, kind: Kind = OWN) -> None:
        prefix, what = kind.prefix, kind.what
        self.requests = Counter(
            f"{prefix}_requests_total",
            f"Requests to {what}, by operation, those that were tried again each time.",
            ["operation"], registry=registry,
        )  # fmt: skip
        self.failures = Counter(
            f"{prefix}_failures_total",
            f"Requests to {what} that failed, by operation; most are tried again.",
            ["operation"], registry=registry,
        )  # fmt: skip
        self.read_bytes = Counter(
            f"{prefix}_read_bytes_total", f"Bytes read from {what}.", registry=registry
        )
        self.written_bytes = Counter(
            f"{prefix}_written_bytes_total", f"Bytes written to {what}.",
            registry=registry if kind.is_written else None,
        )  # fmt: skip
        self.seconds = Histogram(
            f"{prefix}_request_duration_seconds",
            f"Time of requests to {what}, by operation.", ["operation"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            f"{prefix}_requests_in_flight", f"Requests to {what} under way.",
            registry=registry,
        )  # fmt: skip
        for operation in OPERATIONS if kind.is_written else READING:
            self.requests.labels(operation)
            self.failures.labels(operation)
            self.seconds.labels(operation)
