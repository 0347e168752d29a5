"""What a sidecar knows of its Prometheus while that comes, changes and goes."""

from __future__ import annotations

import time

import pytest

from receiver.sidecar.beside import NO_LABELS, NOT_ASKED, Beside
from receiver.sidecar.prometheus import Prometheus
from receiver.stores.remote_read.servers import Server
from tests.makers.sources.fake_prometheus import FakePrometheus

EU = {"cluster": "eu"}
PATIENCE_S = 60


def beside_of(fake: FakePrometheus, *, uploads: bool = True, ignores: bool = False) -> Beside:
    prometheus = Prometheus(Server(fake.url), 60.0)
    return Beside(prometheus, 0.01, uploads=uploads, ignores_durations=ignores)


def test_labels_are_read_again_and_stand_while_it_is_down() -> None:
    with FakePrometheus(EU).serving() as fake:
        beside = beside_of(fake)
        assert (beside.known.error, beside.known.uploads_not) == (NOT_ASKED, NOT_ASKED)
        beside.ask()
        known = beside.known
        assert (known.labels, known.error, known.uploads_not) == (EU, "", "")
        assert known.lowest_ms == 1500 and known.checked_ms > 0
        fake.labels = {"cluster": "us"}
        beside.ask()
        assert beside.known.labels == {"cluster": "us"}
        fake.is_down = True
        beside.ask()
        assert beside.known.labels == {"cluster": "us"}
        assert "answers 503" in beside.known.error
        assert beside.known.uploads_not


def test_without_external_labels_nothing_is_served_or_uploaded() -> None:
    with FakePrometheus({}).serving() as fake:
        beside = beside_of(fake)
        beside.ask()
        assert (beside.known.error, beside.known.uploads_not) == (NO_LABELS, NO_LABELS)


@pytest.mark.parametrize(
    ("uploads", "ignores", "is_said"),
    [(True, False, True), (True, True, False), (False, False, False)],
)
def test_lengths_of_blocks_matter_to_uploads_alone(
    uploads: bool, ignores: bool, is_said: bool
) -> None:
    with FakePrometheus(EU).serving() as fake:
        fake.flags["storage.tsdb.max-block-duration"] = "1d"
        beside = beside_of(fake, uploads=uploads, ignores=ignores)
        beside.ask()
        assert beside.known.error == ""
        assert bool(beside.known.uploads_not) is is_said


def test_a_thread_asks_again_and_again() -> None:
    with FakePrometheus(EU).serving() as fake:
        fake.is_down = True
        beside = beside_of(fake)
        beside.start()
        deadline = time.monotonic() + PATIENCE_S
        while "answers 503" not in beside.known.error:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        fake.is_down = False
        while beside.known.error:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        beside.stop()
        assert beside.known.labels == EU
