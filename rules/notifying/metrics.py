"""Metrics of notifications: Prometheus' names and meanings, by tenant where they are of queues."""

from collections.abc import Sized

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.01, 0.1, 1, 10)


class NotifyMetrics:
    """alertmanager: the URL that alerts are posted to."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_queue = ["alertmanager", "tenant"]
        self.latency = Histogram(
            "prometheus_notifications_latency_histogram_seconds",
            "How long requests to an Alertmanager took, those that failed included.",
            ["alertmanager"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.sent = Counter(
            "prometheus_notifications_sent_total",
            "Alerts that requests to an Alertmanager held, those that failed included.",
            by_queue,
            registry=registry,
        )
        self.errors = Counter(
            "prometheus_notifications_errors_total",
            "Alerts in requests to an Alertmanager that failed; most of them are tried again.",
            by_queue,
            registry=registry,
        )
        self.dropped = Counter(
            "prometheus_notifications_dropped_total",
            "Alerts that an Alertmanager did not get: the queue was full, they were refused, or "
            "too old when it could be reached.",
            by_queue,
            registry=registry,
        )
        self.queue_length = Gauge(
            "prometheus_notifications_queue_length",
            "Alerts that wait for an Alertmanager.",
            by_queue,
            registry=registry,
        )
        self.queue_capacity = Gauge(
            "prometheus_notifications_queue_capacity",
            "Alerts of one tenant that may wait for one Alertmanager.",
            registry=registry,
        )
        self.discovered = Gauge(
            "prometheus_notifications_alertmanagers_discovered",
            "Alertmanagers that are configured.",
            registry=registry,
        )

    def follow(self, alertmanager: str, tenant: str, queue: Sized) -> None:
        """Show a queue that is new."""
        for metric in (self.sent, self.errors, self.dropped):
            metric.labels(alertmanager, tenant)
        self.queue_length.labels(alertmanager, tenant).set_function(lambda: float(len(queue)))

    def forget(self, alertmanager: str, tenant: str) -> None:
        """Remove what is known of a queue that is gone."""
        for metric in (self.sent, self.errors, self.dropped, self.queue_length):
            metric.remove(alertmanager, tenant)
