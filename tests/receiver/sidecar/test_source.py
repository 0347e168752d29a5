"""A Prometheus as a source: samples by remote read, lists by the API, external labels on all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from receiver.sidecar.prometheus import Prometheus
from receiver.sidecar.source import SidecarSource
from receiver.stores.limits import CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.remote_read.servers import Server
from receiver.stores.remote_read.source import ServerState
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import Calls
from storage.errors import SourceFailed
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT
from tests.makers.buckets.blocks import AMPLE
from tests.makers.sources.fake_prometheus import FakePrometheus
from tests.receiver.stores.remote_read.test_source import line

EU = {"cluster": "eu"}
UP = Matcher("__name__", "=", "up")
IN_EU, IN_US = Matcher("cluster", "=", "eu"), Matcher("cluster", "=", "us")


@contextmanager
def asking(fake: FakePrometheus, terms: Terms | None = None) -> Iterator[SidecarSource]:
    with ThreadPoolExecutor(4) as threads:
        asked = Asked(terms or Terms("t"), AMPLE, Calls(threads), StoreMetrics(CollectorRegistry()))
        server = Server(f"{fake.url}/api/v1/read", labels=EU, labels_win=True)
        state = ServerState(server, CallLimits(120.0, 60.0, 1 << 20))
        yield SidecarSource(Prometheus(Server(fake.url), 60.0), state, asked)


def sets(labels: LabelFrame) -> list[dict[str, str]]:
    return [labels.labelset(row) for row in range(labels.rows)]


def test_samples_have_external_labels_in_place_of_own_ones() -> None:
    frames = line([(1, 1.0)], pod="a") + line([(2, 2.0)], cluster="own")
    with FakePrometheus(EU, frames).serving() as fake, asking(fake) as source:
        found = source.select((UP, IN_EU), (0, 100), NO_HINT)()
        assert sets(found.labels) == [
            {"__name__": "up", "pod": "a", "cluster": "eu"}, {"__name__": "up", "cluster": "eu"},
        ]  # fmt: skip
        rows = found.open(np.arange(2), (0, 100))
        assert rows.read(0, 2).values.tolist() == [1.0, 2.0]
        asked = len(fake.asked)
        assert source.select((UP, IN_US), (0, 100), NO_HINT)().labels.rows == 0
        assert len(fake.asked) == asked


def test_lists_of_series_read_no_samples() -> None:
    with FakePrometheus(EU).serving() as fake, asking(fake) as source:
        fake.answers["series"] = [{"__name__": "up", "pod": "a"}, {"__name__": "x", "cluster": "o"}]
        assert sets(source.series([(UP, IN_EU), (Matcher("x", "=", "y"),)], (0, 1500))()) == [
            {"__name__": "up", "pod": "a", "cluster": "eu"}
        ]
        ((path, params),) = fake.asked
        assert path == "/api/v1/series"
        assert params["match[]"] == ['{__name__="up"}', '{x="y"}']
        assert sets(source.series([()], (0, 1500))()) == [
            {"__name__": "up", "pod": "a", "cluster": "eu"}, {"__name__": "x", "cluster": "eu"},
        ]  # fmt: skip
        assert fake.asked[-1][1]["match[]"] == ['{__name__!=""}']
        assert source.series([(IN_US,)], (0, 1))().rows == 0
        assert len(fake.asked) == 2


def test_exemplars_and_metadata() -> None:
    exemplars = [
        {"labels": {"trace": "b"}, "value": "2.5", "timestamp": 3.5},
        {"labels": {"trace": "a"}, "value": "1", "timestamp": 1.25},
    ]
    with FakePrometheus(EU).serving() as fake, asking(fake) as source:
        fake.answers["query_exemplars"] = [
            {"seriesLabels": {"__name__": "up"}, "exemplars": exemplars}
        ]
        found = source.exemplars([(UP,), (IN_EU,)], (0, 5000))()
        assert sets(found.labels) == [{"__name__": "up", "cluster": "eu"}]
        assert found.offsets.tolist() == [0, 2]
        assert found.timestamps.tolist() == [1250, 3500]
        assert found.values.tolist() == [1.0, 2.5]
        assert found.exemplar_labels == [(("trace", "a"),), (("trace", "b"),)]
        assert fake.asked[-1][1]["query"] == ['{__name__="up"} + {__name__!=""}']
        assert source.exemplars([(IN_US,)], (0, 1))().labels.rows == 0
        fake.answers["metadata"] = {"up": [{"type": "gauge", "help": "Up?", "unit": ""}]}
        (described,) = source.metadata("up")()["up"]
        assert (described.kind, described.help) == (2, "Up?")
        assert fake.asked[-1][1] == {"metric": ["up"]}


def test_one_that_does_not_answer_is_missed_or_an_error() -> None:
    with FakePrometheus(EU).serving() as fake:
        fake.is_down = True
        with asking(fake) as source:
            assert source.series([(UP,)], (0, 1))().rows == 0
            assert source.metadata("")() == {}
            assert any("answers 503" in loss for loss in source.losses)
        with asking(fake, Terms("t", is_whole=True)) as source:
            answer = source.series([(UP,)], (0, 1))
            with pytest.raises(SourceFailed, match="partial_response=false"):
                answer()
