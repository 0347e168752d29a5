"""The names of the metrics; that they move is in test_ranges.py and test_cache.py."""

from prometheus_client import CollectorRegistry

from api.frontend.metrics import FrontendMetrics


def test_all_are_of_the_program() -> None:
    registry = CollectorRegistry()
    FrontendMetrics(registry)
    names = {family.name for family in registry.collect()}
    assert names and all(name.startswith("cupola_query_") for name in names)
