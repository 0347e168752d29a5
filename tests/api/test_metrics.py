"""Tests of the API's own metrics."""

from prometheus_client import CollectorRegistry

from api.metrics import ApiMetrics
from tests.makers.fake_store import Running, run_api


def test_names_begin_with_the_programs() -> None:
    registry = CollectorRegistry()
    ApiMetrics(registry)
    ApiMetrics(CollectorRegistry())  # several servers in one process do not collide
    assert all(family.name.startswith("cupola_api_") for family in registry.collect())


def test_requests_are_counted_by_endpoint() -> None:
    async def check(running: Running) -> None:
        await running.get("query", query="1")
        await running.get("query", query="(")
        await running.get("label/job/values")
        count = "cupola_api_request_duration_seconds_count"
        assert running.sample(count, endpoint="query") == 2
        assert running.sample(count, endpoint="label/{name}/values") == 1
        errors = "cupola_api_request_errors_total"
        assert running.sample(errors, endpoint="query", type="bad_data") == 1
        assert running.sample("cupola_api_requests_running") == 0

    run_api(check)
