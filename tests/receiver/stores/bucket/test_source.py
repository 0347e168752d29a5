"""A bucket as a source of one query: blocks of several streams, damage, limits of time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from receiver.stores.bucket.source import BucketSource
from receiver.stores.bucket.view import BucketView
from receiver.stores.metrics import StoreMetrics
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import Calls
from storage.bucket.pieces import without_fetching
from storage.errors import MustFetch, SourceFailed
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, SelectHint
from tests.makers.blocks import write_block
from tests.makers.buckets.blocks import AMPLE, Found, damage, found_in
from tests.makers.buckets.faults import Fault, FaultProxy
from tests.makers.buckets.servers import s3_server, store_of
from tests.receiver.importing.tsdb.test_block import series
from tests.receiver.stores.bucket.test_view import ULIDS, view_of

NAMED = Matcher("__name__", "=", "m")
ONE = [(1000, 1.0), (2000, 2.0)]
TWO = [(2000, 9.0), (3000, 3.0)]


@contextmanager
def asking(
    view: BucketView, terms: Terms | None = None, timeout_s: float = 120.0
) -> Iterator[BucketSource]:
    view.refresh()
    with ThreadPoolExecutor(4) as threads:
        asked = Asked(terms or Terms("t"), AMPLE, Calls(threads), StoreMetrics(CollectorRegistry()))
        yield BucketSource(view, asked, timeout_s)


def selected(
    source: BucketSource, *matchers: Matcher, span: tuple[int, int] = (0, 10_000),
    hint: SelectHint = NO_HINT,
) -> Found:  # fmt: skip
    return found_in(source.select(matchers or (NAMED,), span, hint)())


def key(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": "m", **labels}.items()))


def pair(bucket: Path) -> None:
    """Blocks of two replicas, one of them in two that overlap."""
    write_block(bucket, [series("m", ONE)], ulid=ULIDS[0], labels={"replica": "a"})
    write_block(bucket, [series("m", TWO)], ulid=ULIDS[1], labels={"replica": "a"})
    write_block(bucket, [series("m", ONE), series("n", ONE)], ulid=ULIDS[2],
        labels={"replica": "b"})  # fmt: skip


def test_blocks_are_one_source(tmp_path: Path) -> None:
    pair(tmp_path)
    with asking(view_of(tmp_path)) as source:
        assert selected(source) == {key(replica="a"): [*ONE, TWO[1]], key(replica="b"): ONE}
        assert selected(source, NAMED, Matcher("replica", "=", "b")) == {key(replica="b"): ONE}
        assert selected(source, Matcher("replica", "=~", "b"), span=(0, 1000)) == {
            key(replica="b"): ONE[:1],
            (("__name__", "n"), ("replica", "b")): ONE[:1],
        }
        assert selected(source, span=(9_000, 9_999)) == {}
        labels = source.series([[NAMED], [Matcher("__name__", "=", "n")]], (0, 10_000))()
        assert labels.rows == 3
        assert source.losses == () and not source.has_aggregates
        assert source.metadata("")() == {}


def test_series_that_external_labels_make_the_same_are_one(tmp_path: Path) -> None:
    own = [series("m", ONE), series("m", [(3000, 3.0)], replica="own")]
    write_block(tmp_path, own, ulid=ULIDS[0], labels={"replica": "a"})
    with asking(view_of(tmp_path)) as source:
        assert selected(source) == {key(replica="a"): [*ONE, (3000, 3.0)]}


def test_a_longer_span_is_read_when_it_is_needed(tmp_path: Path) -> None:
    pair(tmp_path)
    with asking(view_of(tmp_path)) as source:
        found = source.select((NAMED,), (2000, 2000), NO_HINT)()
        opened = found.open(np.arange(found.labels.rows), (0, 10_000))
        assert opened.read(0, found.labels.rows).timestamps.tolist() == [
            1000, 2000, 3000, 1000, 2000,
        ]  # fmt: skip


def test_the_label_of_a_tenant_is_not_shown(tmp_path: Path) -> None:
    write_block(tmp_path, [series("m", ONE)], ulid=ULIDS[0], labels={"tenant_id": "t"})
    write_block(tmp_path, [series("m", TWO)], ulid=ULIDS[1], labels={"tenant_id": "u"})
    with asking(view_of(tmp_path), Terms("t", "tenant_id")) as source:
        assert selected(source) == {key(): ONE}


def test_a_bad_block_costs_itself(tmp_path: Path) -> None:
    pair(tmp_path)
    damage(tmp_path / ULIDS[0] / "index", 12)
    (tmp_path / ULIDS[2] / "meta.json").write_text("{")
    view = view_of(tmp_path)
    with asking(view) as source:
        assert selected(source) == {key(replica="a"): TWO}
        first, second = source.losses
        assert first.startswith(f"{view.name}: block {ULIDS[2]}: its meta.json cannot be read")
        assert second.startswith(f"{view.name}: block {ULIDS[0]}: its symbols have the checksum")
    for whole in (NAMED, Matcher("replica", "=", "a")):
        with (
            asking(view_of(tmp_path), Terms("t", is_whole=True)) as source,
            pytest.raises(SourceFailed, match="partial_response=false"),
        ):
            selected(source, whole)


def test_a_bucket_that_was_never_listed_is_missed(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    with asking(view) as source:
        view.error = "it has not been listed yet"
        assert selected(source) == {}
        assert source.losses == (f"{view.name}: it has not been listed yet",)


def test_who_must_not_wait_does_not_ask(tmp_path: Path) -> None:
    pair(tmp_path)
    with asking(view_of(tmp_path)) as source, without_fetching():
        with pytest.raises(MustFetch):
            selected(source)
        assert selected(source, span=(9_000, 9_999)) == {}


def test_an_answer_has_its_time(tmp_path: Path) -> None:
    pair(tmp_path)
    view = view_of(tmp_path)
    view.refresh()
    held = threading.Event()
    read = view.store.get_range
    view.store.get_range = lambda wanted: (held.wait(120), read(wanted))[1]  # type: ignore[method-assign]
    view.store.get_ranges = lambda wanted: [view.store.get_range(each) for each in wanted]  # type: ignore[method-assign]
    with ThreadPoolExecutor(4) as threads:
        asked = Asked(Terms("t"), AMPLE, Calls(threads), StoreMetrics(CollectorRegistry()))
        source = BucketSource(view, asked, 0.2)
        assert selected(source) == {}
        held.set()
    assert all("it did not answer in time (stores.timeout)" in loss for loss in source.losses)
    assert len(source.losses) == 3


def test_a_server_that_fails_now_and_then(tmp_path: Path) -> None:
    pair(tmp_path / "blocks")
    faults = (Fault(status=503), None, Fault(half=True), None)
    with (
        s3_server(tmp_path) as address,
        FaultProxy(address, lambda method, path, number: faults[number % 4]).running() as proxy,
    ):
        store = store_of(proxy.address)
        for path in sorted((tmp_path / "blocks").rglob("*")):
            if path.is_file():
                store.put(str(path.relative_to(tmp_path / "blocks")), path.read_bytes())
        view = view_of(tmp_path)
        view.store = store
        view.kept.pages._store = view.kept.headers._store = store
        with asking(view) as source:
            assert selected(source)[key(replica="b")] == ONE
            assert source.losses == ()
        store.close()
