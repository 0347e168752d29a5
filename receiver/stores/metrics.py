"""The metrics of other stores."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from receiver.stores.limits import Budget


class StoreMetrics:
    """What was asked of other stores, and what came of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.healthy = Gauge(
            "cupola_stores_healthy",
            "Other stores that answered when they were last asked what they have, by type.",
            ["type"],
            registry=registry,
        )
        self.unhealthy = Gauge(
            "cupola_stores_unhealthy",
            "Other stores that did not.",
            registry=registry,
        )
        self.answers = Counter(
            "cupola_stores_answers_total",
            "Answers of other stores to queries, by how they ended: whole, partial or failed.",
            ["result"],
            registry=registry,
        )
        self.bytes = Counter(
            "cupola_stores_answer_bytes_total",
            "Bytes of answers of other stores, as they were sent.",
            registry=registry,
        )
        self.samples = Counter(
            "cupola_stores_answer_samples_total",
            "Samples of answers of other stores.",
            registry=registry,
        )
        self.seconds = Histogram(
            "cupola_stores_answer_seconds",
            "How long answers of other stores took.",
            buckets=(0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
            registry=registry,
        )

    def count(self, budget: Budget, *, is_whole: bool) -> None:
        """Count an answer that has ended."""
        self.bytes.inc(budget.bytes)
        self.samples.inc(budget.samples)
        came = "partial" if budget.series else "failed"
        self.answers.labels("whole" if is_whole else came).inc()
