"""The receiver's metrics."""

from prometheus_client import CollectorRegistry

from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WriteOptions
from receiver.write.admission import Admission


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


def test_gauges_show_what_is_in_flight() -> None:
    registry = CollectorRegistry()
    admission = Admission(WriteOptions())
    ReceiverMetrics(registry).watch(admission)
    with admission.ticket() as ticket:
        ticket.add(5)
        assert registry.get_sample_value("cupola_write_inflight_requests") == 1
        assert registry.get_sample_value("cupola_write_inflight_bytes") == 5
