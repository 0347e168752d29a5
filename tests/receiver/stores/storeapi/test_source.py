"""Stores as sources, over gRPC: what is asked, what comes, and what becomes of those that lie."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import grpc
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from api.promql.errors import QueryCanceled
from receiver.stores.endpoints import Endpoint
from receiver.stores.limits import AnswerLimits, CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.storeapi.client import Channel
from receiver.stores.storeapi.messages import parse_info
from receiver.stores.storeapi.source import StoreSource
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import Calls
from receiver.wire.messages import message_field
from storage.bucket.pieces import without_fetching
from storage.errors import MustFetch, SourceFailed
from storage.kernels.stops import stoppable
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT
from tests.makers.memory_store import float_samples_of
from tests.makers.sources.fake_store import (
    Failing,
    FakeStore,
    Request,
    chunk_fields,
    info_message,
    label_field,
    series_frame,
    series_message,
    serving,
    wait_until,
)

UP = Matcher("__name__", "=", "up")
AMPLE = AnswerLimits(1 << 20, 1_000, 10_000, 1_000_000)
Frames = Callable[[Request], Iterator[bytes]]


@contextmanager
def asking(
    frames: Frames,
    *,
    info: bytes | None = None,
    terms: Terms | None = None,
    limits: AnswerLimits = AMPLE,
    strict: bool = False,
    silence_s: float = 60.0,
    timeout_s: float = 120.0,
) -> Iterator[tuple[StoreSource, FakeStore, StoreState]]:
    """A source over a server with these frames."""
    info = info or info_message("sidecar", [{"cluster": "eu"}])
    call_limits = CallLimits(timeout_s, silence_s, 1 << 24)
    metrics = StoreMetrics(CollectorRegistry())
    with serving(FakeStore(frames)) as store, ThreadPoolExecutor(4) as threads:
        channel = Channel(store.address, None, call_limits)
        endpoint = Endpoint(store.address, strict)
        state = StoreState(
            endpoint, store.address, channel, 300_000, parse_info(info), 1_000, 1_000
        )
        asked = Asked(terms or Terms("t"), limits, Calls(threads), metrics)
        yield StoreSource(state, asked), store, state
        channel.close()


def up(*points: tuple[int, float], **labels: str) -> bytes:
    return series_message({"__name__": "up", "cluster": "eu", **labels}, points)


def honest(*messages: bytes) -> Frames:
    return lambda _: iter([series_frame(*messages)])


def values(
    source: StoreSource, *matchers: Matcher, span: tuple[int, int] = (0, 100)
) -> list[float]:
    found = source.select(matchers or (UP,), span, NO_HINT)()
    rows = np.arange(found.labels.rows)
    values: list[float] = found.open(rows, span).read(0, len(rows)).values.tolist()
    return values


def test_what_is_asked_and_what_comes() -> None:
    with asking(honest(up((10, 1.0), (200, 2.0)), up((20, 3.0), r="b"))) as (source, store, _):
        assert values(source, UP, Matcher("r", "!~", "c|d")) == [1.0, 3.0]
        assert source.losses == ()
        (asked,) = store.asked
        assert asked.matchers == [(0, "__name__", "up"), (3, "r", "c|d")]
        assert asked.tenant == "t"
        assert asked.numbers == {2: 100, 16: 64}


def test_an_external_label_alone_selects() -> None:
    """A store wants a matcher besides those of its own labels."""
    with asking(honest(up((10, 1.0)))) as (source, store, _):
        assert values(source, Matcher("cluster", "=", "eu")) == [1.0]
        assert store.asked[0].matchers == [(0, "cluster", "eu"), (1, "__name__", "")]


def test_series_are_listed_without_samples() -> None:
    messages = [series_message({"__name__": name, "cluster": "eu"}, ()) for name in ("a", "b")]
    with asking(honest(*messages)) as (source, store, _):
        sets = [[Matcher("__name__", "=", name)] for name in ("a", "b", "c")]
        labels = source.series(sets, (5, 6))()
        found = sorted(labels.labelset(row)["__name__"] for row in range(labels.rows))
        assert found == ["a", "b"]
        assert [asked.numbers[8] for asked in store.asked] == [1, 1, 1]


def test_a_longer_span_is_asked_for_again() -> None:
    with asking(honest(up((10, 1.0), (200, 2.0)), up((5, 0.0), r="b"))) as (source, store, _):
        found = source.select((UP,), (0, 100), NO_HINT)()
        rows = [row for row in range(2) if "r" not in found.labels.labelset(row)]
        longer = found.open(np.array(rows), (-50, 300))
        assert longer.read(0, 1).values.tolist() == [1.0, 2.0]
        assert [asked.numbers.get(1, 0) for asked in store.asked] == [0, -50]


@pytest.mark.parametrize(
    ("matcher", "span", "asked"),
    [
        (Matcher("cluster", "=", "us"), (0, 100), 0),
        (Matcher("cluster", "=~", "e.|x"), (0, 100), 1),
        (Matcher("cluster", "!=", "eu"), (0, 100), 0),
        (Matcher("other", "=", "us"), (0, 100), 1),
        (UP, (0, 49), 0),
        (UP, (0, 50), 1),
        (UP, (91, 100), 0),
    ],
)
def test_only_stores_that_may_have_something_are_asked(
    matcher: Matcher, span: tuple[int, int], asked: int
) -> None:
    info = info_message("store", [{"cluster": "eu"}], (50, 90))
    with asking(lambda _: iter(()), info=info) as (source, store, _):
        assert source.select((matcher,), span, NO_HINT)().labels.rows == 0
        assert len(store.asked) == asked
        assert source.losses == ()


def test_a_label_names_the_tenant() -> None:
    terms = Terms("edge", tenant_label="tenant_id")
    with asking(honest(up((10, 1.0), tenant_id="edge"), up((10, 2.0))), terms=terms) as (
        source,
        store,
        _,
    ):
        found = source.select((UP,), (0, 100), NO_HINT)()
        assert [found.labels.labelset(row) for row in range(found.labels.rows)] == [
            {"__name__": "up", "cluster": "eu"}
        ]
        assert (0, "tenant_id", "edge") in store.asked[0].matchers
        assert store.asked[0].tenant == "edge"
        assert "1 series that were not asked for" in source.losses[0]


def unending(_: Request) -> Iterator[bytes]:
    for number in range(1 << 30):
        yield series_frame(up((10, 1.0), n=str(number)))


def dying(_: Request) -> Iterator[bytes]:
    yield series_frame(up((10, 1.0)))
    raise Failing(grpc.StatusCode.UNAVAILABLE, "the disk is gone")


def warning(_: Request) -> Iterator[bytes]:
    yield message_field(2, b"a block is missing")
    yield series_frame(up((10, 1.0)))


def labelled(*pairs: tuple[str, str]) -> bytes:
    """A series whose labels are as they are given."""
    labels = b"".join(label_field(1, *pair) for pair in pairs)
    return labels + chunk_fields(float_samples_of([[(10, 1.0)]]))


def trickling(_: Request) -> Iterator[bytes]:
    """Never silent, and never at an end."""
    while True:
        yield series_frame(up((10, 1.0)))
        time.sleep(0.05)


LIES: dict[str, tuple[Frames, list[float], str]] = {
    "a name twice": (honest(labelled(("__name__", "up"), ("a", "1"), ("a", "2"))), [1.0], ""),
    "labels out of order": (honest(labelled(("z", "1"), ("__name__", "up"))), [1.0], ""),
    "a label without a name": (honest(labelled(("", "x"), ("__name__", "up"))), [1.0], ""),
    "no labels": (honest(labelled()), [], "it sent 1 series that were not asked for"),
    "out of order": (
        honest(up((50, 5.0), z="1"), up((10, 1.0)), up((40, 4.0), z="1")),
        [4.0, 5.0, 1.0],
        "",
    ),
    "wrong labels": (
        honest(series_message({"__name__": "down"}, [(10, 9.0)]), up((10, 1.0))),
        [1.0],
        "it sent 1 series that were not asked for",
    ),
    "damaged frame": (lambda _: iter([b"\x0a\xff"]), [], "a frame is damaged at byte 0 of"),
    "no chunk": (honest(up() + message_field(2, b"")), [], ""),
    "half": (dying, [1.0], "UNAVAILABLE: the disk is gone"),
    "warning": (warning, [1.0], "a block is missing"),
    "endless frames": (unending, [], "stores.max-series"),
    "endless nothing": (lambda _: repeat(b""), [], "stores.max-bytes"),
}


@pytest.mark.parametrize("name", list(LIES))
def test_what_stores_do_wrong_is_said(name: str) -> None:
    frames, wanted, loss = LIES[name]
    with asking(frames) as (source, store, _):
        assert values(source) == wanted
        if name.startswith("endless"):
            wait_until(store.gone.is_set, "the call is given up")
        if loss:
            (said,) = source.losses
            assert loss in said and store.address in said and "(sidecar)" in said
        else:
            assert source.losses == ()


def test_all_or_nothing_is_an_error_that_names_the_store() -> None:
    with (
        asking(dying, terms=Terms("t", is_whole=True)) as (source, store, _),
        pytest.raises(SourceFailed, match=rf"store {store.address} .*the disk is gone"),
    ):
        values(source)


def test_a_query_that_ends_gives_its_calls_up() -> None:
    """That of the store that it waits for, and those of others that it would ask next."""
    release, is_over = threading.Event(), threading.Event()

    def slow(_: Request) -> Iterator[bytes]:
        for number in range(1 << 20):
            yield series_frame(up((number, 1.0)))
            if release.wait(0.05):
                return

    def check() -> None:
        if is_over.is_set():
            raise QueryCanceled("no one waits for it")

    with asking(slow) as (source, store, _):
        try:
            first = source.select((UP,), (0, 100), NO_HINT)
            source.select((UP,), (0, 50), NO_HINT)
            wait_until(lambda: len(store.asked) == 2, "both are asked")
            is_over.set()
            with stoppable(check), pytest.raises(QueryCanceled):
                first()
            wait_until(lambda: store.left == 2, "both calls are given up")
        finally:
            release.set()


def test_a_store_that_comes_to_no_end_is_given_up() -> None:
    with asking(trickling, timeout_s=0.5) as (source, store, _):
        values(source)
        (loss,) = source.losses
        assert "it did not answer in time (stores.timeout)" in loss and store.address in loss


def test_a_silent_store_is_given_up() -> None:
    release = threading.Event()

    def silent(_: Request) -> Iterator[bytes]:
        yield series_frame(up((10, 1.0)))
        release.wait(120)

    with asking(silent, silence_s=0.3) as (source, store, _):
        try:
            values(source)
            assert "it sent nothing for 0.3 s (stores.response-timeout)" in source.losses[0]
            wait_until(store.gone.is_set, "the call is given up")
        finally:
            release.set()


def test_one_that_is_down_is_missed_for_a_while() -> None:
    def losses(**change: Any) -> tuple[tuple[str, ...], int]:
        with asking(honest(up((10, 1.0))), strict=bool(change.pop("strict", 0))) as asked:
            source, store, state = asked
            for name, value in change.items():
                setattr(state, name, value)
            values(source)
            return source.losses, len(store.asked)

    down, asked = losses(error="UNAVAILABLE: gone", checked_ms=5_000)
    assert "it is down: UNAVAILABLE: gone" in down[0] and asked == 0
    assert losses(error="UNAVAILABLE: gone", checked_ms=301_001) == ((), 0)
    assert losses(error="UNAVAILABLE: gone", strict=True) == ((), 1)
    assert losses(info=None, strict=True) == ((), 1)
    # One that was never heard of may have anything, until it has been missed for long enough.
    down, asked = losses(info=None, error="it has not answered yet", checked_ms=5_000)
    assert "it is down: it has not answered yet" in down[0] and asked == 0
    assert losses(info=None, error="it has not answered yet", checked_ms=301_001) == ((), 0)


def test_who_must_not_wait_does_not_ask() -> None:
    with asking(honest(up((10, 1.0)))) as (source, store, _), without_fetching():
        with pytest.raises(MustFetch):
            source.select((UP,), (0, 100), NO_HINT)
        assert source.select((Matcher("cluster", "=", "x"),), (0, 9), NO_HINT)().labels.rows == 0
        assert not store.asked


def test_what_a_store_has_not_yet() -> None:
    with asking(honest()) as (source, _, _):
        assert source.exemplars([], (0, 1))().labels.rows == 0
        assert source.metadata("")() == {}
        assert source.gauges(source.series([], (0, 1))()) is None
