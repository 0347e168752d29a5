"""The metrics of a catalog that is on a server."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class OwnerMetrics:
    """Registered once per program that has such a catalog."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reachable = Gauge(
            "cupola_catalog_reachable",
            "Whether the server of the catalog has answered the last time, 1 or 0.",
            registry=registry,
        )
        self.owner = Gauge(
            "cupola_catalog_owner",
            "Whether this process owns the catalog; 0: another one has taken it over.",
            registry=registry,
        )
        self.epoch = Gauge(
            "cupola_catalog_epoch", "The epoch in which this process owns it.", registry=registry
        )
        self.failures = Counter(
            "cupola_catalog_failures_total",
            "How often the lease could not be renewed, because the server did not answer.",
            registry=registry,
        )
        self.read_back = Counter(
            "cupola_catalog_commits_read_back_total",
            "Transactions whose connection was lost while they were committed, by what became of "
            "them: committed, rolled_back, unknown.",
            ["outcome"],
            registry=registry,
        )
