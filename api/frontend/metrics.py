"""The metrics of the query frontend, on a registry that the program owns."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ListMetrics:
    """Of the lists of labels and series that are kept. One instance per server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "cupola_list_cache_requests_total",
            "Requests for lists of labels and series, by what was kept of them: hit, stale, miss, "
            "bypass.",
            ["outcome"],
            registry=registry,
        )
        self.evictions = Counter(
            "cupola_list_cache_evictions_total",
            "Kept lists that had to go, by reason: size, tenant_size, entries, age.",
            ["reason"],
            registry=registry,
        )
        self.bytes = Gauge(
            "cupola_list_cache_bytes", "Memory that kept lists take.", registry=registry
        )
        self.entries = Gauge(
            "cupola_list_cache_entries", "Lists of labels and series that are kept.",
            registry=registry,
        )  # fmt: skip


class TextMetrics:
    """Of the texts of kept answers. One instance per server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.hits = Counter(
            "cupola_query_cache_text_hits_total",
            "Answers of range queries that were sent as they had been encoded before.",
            registry=registry,
        )
        self.evictions = Counter(
            "cupola_query_cache_text_evictions_total",
            "Kept texts of answers that had to go, by reason: size, tenant_size, entries, age.",
            ["reason"],
            registry=registry,
        )
        self.bytes = Gauge(
            "cupola_query_cache_text_bytes", "Memory that kept texts of answers take.",
            registry=registry,
        )  # fmt: skip
        self.entries = Gauge(
            "cupola_query_cache_texts", "Texts of answers that are kept.", registry=registry
        )


class FrontendMetrics:
    """One instance per server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter(
            "cupola_query_cache_queries_total",
            "Range queries, by how much of them was known: hit (all), partial, miss, bypass.",
            ["outcome"],
            registry=registry,
        )
        self.steps = Counter(
            "cupola_query_cache_steps_total",
            "Steps of range queries that could be kept, by where they came from: cache, computed.",
            ["source"],
            registry=registry,
        )
        self.invalidations = Counter(
            "cupola_query_cache_invalidations_total",
            "Times that something of a kept result was found to be no longer true, by reason.",
            ["reason"],
            registry=registry,
        )
        self.evictions = Counter(
            "cupola_query_cache_evictions_total",
            "Kept results that had to go, by reason: size, tenant_size, entries, age.",
            ["reason"],
            registry=registry,
        )
        self.bytes = Gauge(
            "cupola_query_cache_bytes", "Memory that kept results take.", registry=registry
        )
        self.entries = Gauge(
            "cupola_query_cache_entries", "Results of range queries that are kept.",
            registry=registry,
        )  # fmt: skip
        self.shared = Counter(
            "cupola_query_shared_total",
            "Queries that were answered with what another one asking the same had computed.",
            registry=registry,
        )
