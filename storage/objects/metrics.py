"""The metrics of object storage."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OPERATIONS = ("get", "get_range", "put", "list", "delete")


class ObjectMetrics:
    """What is asked of the bucket. Registered once, also where there is no bucket."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "cupola_objstore_requests_total",
            "Requests to the bucket, by operation, those that were tried again each time.",
            ["operation"], registry=registry,
        )  # fmt: skip
        self.failures = Counter(
            "cupola_objstore_failures_total",
            "Requests to the bucket that failed, by operation; most are tried again.",
            ["operation"], registry=registry,
        )  # fmt: skip
        self.read_bytes = Counter(
            "cupola_objstore_read_bytes_total", "Bytes read from the bucket.", registry=registry
        )
        self.written_bytes = Counter(
            "cupola_objstore_written_bytes_total", "Bytes written to the bucket.",
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "cupola_objstore_request_duration_seconds",
            "Time of requests to the bucket, by operation.", ["operation"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "cupola_objstore_requests_in_flight", "Requests to the bucket under way.",
            registry=registry,
        )  # fmt: skip
        for operation in OPERATIONS:
            self.requests.labels(operation)
            self.failures.labels(operation)
            self.seconds.labels(operation)
