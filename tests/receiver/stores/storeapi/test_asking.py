"""What a store has besides series: exemplars and metadata, with warnings, limits and failures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from receiver.stores.limits import AnswerLimits
from receiver.stores.terms import Terms
from receiver.wire.messages import fields, message_field
from storage.bucket.pieces import without_fetching
from storage.catalog.metadata import COUNTER, GAUGE, UNKNOWN
from storage.errors import MustFetch, SourceFailed
from storage.labels.matchers import Matcher
from tests.makers.sources.fake_store import info_message, wait_until
from tests.receiver.stores.storeapi.test_exemplars import exemplar_data, rows_of
from tests.receiver.stores.storeapi.test_source import AMPLE, asking, honest

UP, EU = Matcher("__name__", "=", "up"), Matcher("cluster", "=", "eu")
INFO = info_message("sidecar", [{"cluster": "eu"}], services=(5, 7))
EVERY = (0, 100)


def meta(name: str, kind: str, text: str, unit: str = "") -> bytes:
    own = message_field(1, kind.encode()) + message_field(2, text.encode())
    own += message_field(3, unit.encode()) if unit else b""
    entry = message_field(1, name.encode()) + message_field(2, message_field(2, own))
    return message_field(1, entry)


def test_exemplars_are_asked_for_by_what_the_store_knows() -> None:
    """A sidecar asks its Prometheus, which does not know the external labels."""
    asked: list[bytes] = []

    def answer(message: bytes) -> Iterator[bytes]:
        asked.append(next(message[f.first : f.end] for f in fields(message, 0, len(message))))
        labels = {"__name__": "up", "cluster": "eu"}
        yield message_field(2, b"one is missing")
        yield message_field(1, exemplar_data(labels, (7, 1.0, {"trace": "x"})))
        yield message_field(1, exemplar_data({"__name__": "down"}, (7, 1.0, {})))

    with asking(honest(), info=INFO) as (source, store, _):
        store.others["Exemplars"] = answer
        quoted = Matcher("odd name", "!=", 'a"\\\n')
        found = source.exemplars([[UP, EU, quoted], [EU], [Matcher("cluster", "=", "us")]], EVERY)()
        assert rows_of(found) == [({"__name__": "up", "cluster": "eu"}, [(7, 1.0, {"trace": "x"})])]
        (query,) = asked
        assert query.decode() == ('{__name__="up", "odd name"!="a\\"\\\\\\n"}+{__name__!=""}')
        (loss,) = source.losses
        assert store.address in loss and "one is missing" in loss


def test_metadata_of_families() -> None:
    def answer(message: bytes) -> Iterator[bytes]:
        yield message_field(1, meta("up", "gauge", "It is up.") + meta("x", "counter", "", "s"))
        yield message_field(1, meta("up", "strange", "It is up."))

    with asking(honest(), info=INFO) as (source, store, _):
        store.others["MetricMetadata"] = answer
        everything = source.metadata("")()
        assert {name: list(own) for name, own in everything.items()} == {
            "up": [(GAUGE, "It is up.", ""), (UNKNOWN, "It is up.", "")],
            "x": [(COUNTER, "", "s")],
        }
        assert list(source.metadata("up")()) == ["up"]


def test_what_a_store_does_not_offer_is_not_asked_for() -> None:
    with asking(honest(), info=info_message("sidecar")) as (source, store, _):
        assert source.exemplars([[UP]], EVERY)().labels.rows == 0
        assert source.metadata("")() == {}
        assert source.losses == () and store.left == 0


DAMAGED = {
    "frame": (lambda _: iter([b"\x0a\xff"]), "its answer is damaged"),
    "metadata": (lambda _: iter([message_field(1, b"\x0a\xff")]), "its metadata is damaged"),
    "endless": (lambda _: repeat(b""), "stores.max-series"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_goes_wrong_is_said(name: str) -> None:
    answer, text = DAMAGED[name]
    with asking(honest(), info=INFO) as (source, store, _):
        store.others["MetricMetadata"] = answer
        assert source.metadata("")() == {}
        (loss,) = source.losses
        assert store.address in loss and text in loss
        wait_until(lambda: store.left == 1, "the call is given up")


def test_all_or_nothing() -> None:
    with (
        asking(honest(), info=INFO, terms=Terms("t", is_whole=True)) as (source, _, _),
        pytest.raises(SourceFailed, match="no such method"),
    ):
        source.metadata("")()


@pytest.mark.parametrize("change", [{}, {"checked_ms": 400_000}])
def test_one_that_is_down_is_not_asked(change: dict[str, Any]) -> None:
    with asking(honest(), info=INFO) as (source, _, state):
        for name, value in ({"error": "gone"} | change).items():
            setattr(state, name, value)
        assert source.exemplars([[UP]], EVERY)().labels.rows == 0
        assert len(source.losses) == (0 if change else 1)


def test_who_must_not_wait_does_not_ask() -> None:
    with (
        asking(honest(), info=INFO) as (source, _, _),
        without_fetching(),
        pytest.raises(MustFetch),
    ):
        source.metadata("")


def test_sizes_are_bounded() -> None:
    few = AnswerLimits(AMPLE.bytes, 1, AMPLE.chunks, AMPLE.samples)
    with asking(honest(), info=INFO, limits=few) as (source, store, _):
        store.others["MetricMetadata"] = lambda _: iter(
            [message_field(1, meta("a", "gauge", "")) for _ in range(2)]
        )
        source.metadata("")()
        assert "stores.max-series" in source.losses[0]
