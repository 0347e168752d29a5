"""The metrics of the HTTP API, on a registry that the program owns."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class ApiMetrics:
    """One instance per server. An endpoint is the path without prefix, `query_range` say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration_seconds = Histogram(
            "cupola_api_request_duration_seconds",
            "Time that requests of the query API take, waiting and sending the answer included.",
            ["endpoint"],
            buckets=SECONDS_BUCKETS,
            registry=registry,
        )
        self.errors_total = Counter(
            "cupola_api_request_errors_total",
            "Requests of the query API that were answered with an error, by Prometheus' errorType.",
            ["endpoint", "type"],
            registry=registry,
        )
        self.rejected_total = Counter(
            "cupola_api_requests_rejected_total",
            "Requests of the query API that were refused because too many were waiting.",
            registry=registry,
        )
        self.running = Gauge(
            "cupola_api_requests_running",
            "Requests of the query API that are being computed or sent.",
            registry=registry,
        )
        self.waiting = Gauge(
            "cupola_api_requests_waiting",
            "Requests of the query API that wait for others to end.",
            registry=registry,
        )
