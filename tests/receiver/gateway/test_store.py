"""What stands in the place of a database: queriers over sources alone."""

from __future__ import annotations

from receiver.gateway.store import SourcesStore
from receiver.stores.terms import Terms
from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from tests.makers.sources.joined import MemorySource

UP = Matcher("__name__", "=", "up")
WRITTEN = [
    ({"__name__": "up", "replica": "a"}, [(1_000, 1.0)]),
    ({"__name__": "up", "replica": "b"}, [(1_001, 1.0)]),
]


def test_queriers_over_sources() -> None:
    asked: list[Terms] = []

    def sources(terms: Terms) -> list[MemorySource]:
        asked.append(terms)
        return [MemorySource(WRITTEN)]

    store = SourcesStore(sources, "default", series_max=10)
    assert store.tenant_names() == ["default"]
    assert store.segment_report().states == []
    apart = store.querier("t", replica_labels=("replica",), dedup=False)
    assert apart.select([UP], 0, 2_000).labels.rows == 2
    one = store.querier("t", replica_labels=("replica",), dedup=True, algorithm=Algorithm.CHAIN)
    assert one.select([UP], 0, 2_000).labels.rows == 1
    assert asked[0].tenant == "default" and not asked[1].is_whole
    one.want_all_or_nothing()
    assert asked[1].is_whole
    assert one.usage([[UP]], 0, 2_000).samples.tolist() == [0]
    assert one.watches() == () and one.head_chunks() == 0
    assert not one.has_aggregates and one.aggregated_until_ms < 0
    report = one.replica_report([], 0, 1, cluster_labels=(), stopped=lambda: False)
    assert report == []
