"""What is asked of a Prometheus, and what is made of odd answers."""

from __future__ import annotations

import pytest

from receiver.sidecar.prometheus import (
    Prometheus,
    PrometheusError,
    duration_ms,
    selector_of,
    unequal_durations,
)
from receiver.stores.remote_read.servers import Server
from storage.labels.matchers import Matcher
from tests.makers.sources.fake_prometheus import EQUAL, FakePrometheus

HOUR = 3_600_000


def of(fake: FakePrometheus, **headers: str) -> Prometheus:
    return Prometheus(Server(fake.url, headers=headers), 60.0)


def test_what_it_is() -> None:
    with FakePrometheus({"cluster": "eu", "empty": ""}).serving() as fake:
        prometheus = of(fake, Authorization="Bearer x")
        assert prometheus.external_labels() == {"cluster": "eu"}
        assert prometheus.flags() == EQUAL
        assert prometheus.lowest_ms() == 1500
        assert fake.headers[0]["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("metrics", "lowest"),
    [
        ("", None),
        ("prometheus_tsdb_lowest_timestamp_seconds 9.223372036854776e+15\n", None),
        ("prometheus_tsdb_lowest_timestamp_seconds x\n", None),
        ("prometheus_tsdb_lowest_timestamp_seconds 1.796054401e+09\n", 1_796_054_401_000),
    ],
)
def test_the_oldest_sample(metrics: str, lowest: int | None) -> None:
    with FakePrometheus({}).serving() as fake:
        fake.metrics = metrics
        assert of(fake).lowest_ms() == lowest


def test_selectors_are_posted() -> None:
    with FakePrometheus({}).serving() as fake:
        fake.answers["series"] = [{"__name__": "up"}]
        assert of(fake).series(['{a="b"}', '{c="d"}'], (1500, 2000)) == [{"__name__": "up"}]
        path, params = fake.asked[-1]
        assert path == "/api/v1/series"
        assert params == {
            "match[]": ['{a="b"}', '{c="d"}'], "start": ["1.500"], "end": ["2.000"],
        }  # fmt: skip


def test_what_cannot_be_asked_or_read_is_said() -> None:
    with FakePrometheus({}).serving() as fake:
        prometheus = of(fake)
        fake.answers = {"status/config": {"yaml": "- x"}, "status/flags": [], "series": {}}
        for ask in (
            prometheus.external_labels, prometheus.flags, lambda: prometheus.series([], (0, 1)),
        ):  # fmt: skip
            with pytest.raises(PrometheusError, match=fake.url):
                ask()
        fake.is_down = True
        with pytest.raises(PrometheusError, match="answers 503"):
            prometheus.flags()
    with pytest.raises(PrometheusError, match="Connection"):
        prometheus.flags()


@pytest.mark.parametrize(
    ("matchers", "text"),
    [
        ([], "{}"),
        ([Matcher("__name__", "=", "up")], '{__name__="up"}'),
        ([Matcher("a", "=~", 'x"\\.\n'), Matcher("b.c", "!=", "")],
            '{a=~"x\\"\\\\.\\n","b.c"!=""}'),
    ],
)  # fmt: skip
def test_selectors(matchers: list[Matcher], text: str) -> None:
    assert selector_of(matchers) == text


@pytest.mark.parametrize(
    ("text", "ms"),
    [("2h", 2 * HOUR), ("1d12h", 36 * HOUR), ("120m", 2 * HOUR), ("x", -1), ("5", -1), ("1h5", -1)],
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


def test_lengths_of_blocks() -> None:
    assert unequal_durations(EQUAL) == ""
    assert unequal_durations({**EQUAL, "storage.tsdb.max-block-duration": "120m"}) == ""
    text = unequal_durations({**EQUAL, "storage.tsdb.max-block-duration": "1d12h"})
    assert "min-block-duration is 2h and storage.tsdb.max-block-duration is 1d12h" in text
    assert "unknown" in unequal_durations({})
