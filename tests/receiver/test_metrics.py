"""The receiver's metrics."""

from prometheus_client import CollectorRegistry

from receiver.metrics import ReceiverMetrics


def test_metrics_have_the_prefix_and_a_sentence() -> None:
    registry = CollectorRegistry()
    ReceiverMetrics(registry)
    families = list(registry.collect())
    assert len(families) > 8
    for family in families:
        assert family.name.startswith("cupola_")
        assert family.documentation.endswith(".")


def test_several_programs_may_run_in_one_process() -> None:
    ReceiverMetrics(CollectorRegistry())
    ReceiverMetrics(CollectorRegistry())
