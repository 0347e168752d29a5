"""The receiver's own metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

DURATION_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ReceiverMetrics:
    """Counters of the write path and gauges of the program's state."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "cupola_write_requests_total",
            "Write requests by the HTTP status that answered them.",
            ["code"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "cupola_write_request_duration_seconds",
            "Time from the head of a write request to its answer.",
            buckets=DURATION_BUCKETS_S,
            registry=registry,
        )
        self.body_bytes = Counter(
            "cupola_write_body_bytes_total",
            "Bytes of decoded write requests as they were sent.",
            registry=registry,
        )
        self.decoded_bytes = Counter(
            "cupola_write_decoded_bytes_total",
            "Bytes of decoded write requests once uncompressed.",
            registry=registry,
        )
        self.failures = Counter(
            "cupola_write_failed_requests_total",
            "Write requests that failed as a whole, by reason.",
            ["reason"],
            registry=registry,
        )
        self.otlp_refused = Counter(
            "cupola_otlp_refused_points_total",
            "Data points of OpenTelemetry that cannot become samples, by reason.",
            ["reason"],
            registry=registry,
        )
        self.tenant_label_refused = Counter(
            "cupola_tenant_label_refused_samples_total",
            "Samples refused for the tenant that a label of their series names, by reason.",
            ["reason"],
            registry=registry,
        )
        self.connections_open = Gauge(
            "cupola_open_connections", "Connections that are open.", registry=registry
        )
        self.connections_refused = Counter(
            "cupola_refused_connections_total",
            "Connections closed at once because too many were open.",
            registry=registry,
        )
        self.ready = Gauge(
            "cupola_ready",
            "1 when the database is open and requests are served.",
            registry=registry,
        )
        self.kernels_warm = Gauge(
            "cupola_kernels_warm",
            "1 when all kernels are compiled, and those loaded that most requests need.",
            registry=registry,
        )
        self.build_info = Gauge(
            "cupola_build_info", "1, with the program's version.", ["version"], registry=registry
        )
        self.inflight_requests = Gauge(
            "cupola_write_inflight_requests", "Write requests being handled.", registry=registry
        )
        self.inflight_bytes = Gauge(
            "cupola_write_inflight_bytes",
            "Bytes of write requests held, compressed and uncompressed.",
            registry=registry,
        )
