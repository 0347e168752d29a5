"""The list of stores: found by names, asked what they have, replaced while the program runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
from prometheus_client import CollectorRegistry

from receiver.settings.stores import StoresOptions
from receiver.stores.dns import targets_of
from receiver.stores.endpoints import Endpoint, TlsFiles
from receiver.stores.limits import CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.storeapi.pool import StorePool
from tests.makers.certificates import make_authority
from tests.makers.sources.fake_store import FakeStore, info_message, serving, wait_until
from tests.receiver.stores.test_dns import name_server, service_answer

OPTIONS = replace(StoresOptions(), info_interval_ms=20, dns_interval_ms=20)


@contextmanager
def pool_of(
    *endpoints: Endpoint, names: dict[str, list[str]] | None = None
) -> Iterator[tuple[StorePool, CollectorRegistry]]:
    """A pool that has been started. names: targets of addresses; others are targets."""
    registry = CollectorRegistry()
    known = names or {}

    def resolve(endpoint: Endpoint) -> list[str]:
        if endpoint.address == "dns+nowhere:1":
            raise OSError("no such name")
        return known.get(endpoint.address, [endpoint.address])

    # Enough to answer even on a machine under load; a refused connection takes no time.
    options = replace(OPTIONS, info_interval_ms=2_000)
    limits = CallLimits(60.0, 60.0, 1 << 20)
    pool = StorePool(endpoints, options, limits, StoreMetrics(registry), resolve)
    pool.start()
    try:
        yield pool, registry
    finally:
        pool.stop()


def kinds(pool: StorePool) -> list[str]:
    return [state.kind for state in pool.states if not state.error and state.info]


def test_stores_say_what_they_have() -> None:
    one = FakeStore(info=info_message("sidecar", [{"cluster": "eu"}], (5, 10)))
    other = FakeStore(info=info_message("", []))
    with serving(one), serving(other):
        endpoints = Endpoint("dns+both:1"), Endpoint("dns+nowhere:1")
        names = {"dns+both:1": [one.address, other.address]}
        with pool_of(*endpoints, names=names) as (pool, registry):
            wait_until(lambda: len(kinds(pool)) == 2, "both have answered")
            assert kinds(pool) == ["sidecar", "unknown-store-api"]
            first = pool.states[0]
            assert first.info is not None and first.info.span == (5, 10)
            assert first.good_ms == first.checked_ms > 0

            def healthy() -> float | None:
                return registry.get_sample_value("cupola_stores_healthy", {"type": "sidecar"})

            wait_until(lambda: healthy() == 1.0, "it is counted")


def test_targets_of_a_name_may_change() -> None:
    """Those that stay keep what is known of them."""
    stores = [FakeStore(info=info_message(kind)) for kind in ("sidecar", "store")]
    with serving(stores[0]), serving(stores[1]):
        names = {"dnssrv+stores": [stores[0].address]}
        with pool_of(Endpoint("dnssrv+stores"), names=names) as (pool, _):
            wait_until(lambda: kinds(pool) == ["sidecar"], "the first one has answered")
            kept = pool.states[0]
            names["dnssrv+stores"] = [store.address for store in stores]
            wait_until(lambda: kinds(pool) == ["sidecar", "store"], "both have answered")
            assert pool.states[0] is kept
            names["dnssrv+stores"] = [stores[1].address]
            wait_until(lambda: kinds(pool) == ["store"], "one has left")


def test_a_record_leads_to_a_store() -> None:
    """Its port is that of the store, and its host an address of it."""
    store = FakeStore(info=info_message("sidecar"))

    def answer(message: bytes) -> bytes:
        port = int(store.address.rpartition(":")[2])
        return service_answer(message, b"\x09localhost\x00", port)

    options = replace(OPTIONS, info_interval_ms=2_000, dns_interval_ms=3_600_000)
    limits = CallLimits(60.0, 60.0, 1 << 20)
    metrics = StoreMetrics(CollectorRegistry())
    with serving(store), name_server(answer) as place:
        endpoints = [Endpoint("dnssrv+_grpc._tcp.stores.test")]
        pool = StorePool(endpoints, options, limits, metrics, lambda e: targets_of(e, [place]))
        pool.start()
        try:
            wait_until(lambda: "sidecar" in kinds(pool), "the store has answered")
        finally:
            pool.stop()


def test_a_store_that_is_not_ready_is_down_until_it_is() -> None:
    store = FakeStore(info=grpc.StatusCode.UNAVAILABLE)
    with serving(store), pool_of(Endpoint(store.address)) as (pool, registry):
        wait_until(lambda: bool(pool.states) and "Not ready" in pool.states[0].error, "it said so")
        # As long as it was not heard of, it may have anything, and is missed.
        assert pool.states[0].is_down and pool.states[0].is_missed
        assert pool.states[0].is_worth_asking((), (0, 1))
        store.info = b"\x0a\xff"
        wait_until(lambda: "is damaged" in pool.states[0].error, "what it says is wrong")
        assert registry.get_sample_value("cupola_stores_unhealthy") == 1.0
        store.info = info_message("rule")
        wait_until(lambda: kinds(pool) == ["rule"], "it is up")
        assert not pool.states[0].is_down


def test_other_endpoints_may_be_configured() -> None:
    stores = [FakeStore(info=info_message(kind)) for kind in ("sidecar", "store")]
    with serving(stores[0]), serving(stores[1]), pool_of(Endpoint(stores[0].address)) as (pool, _):
        wait_until(lambda: kinds(pool) == ["sidecar"], "the first one has answered")
        kept = pool.states[0]
        pool.configure([Endpoint(store.address) for store in stores])
        wait_until(lambda: kinds(pool) == ["sidecar", "store"], "both have answered")
        assert pool.states[0] is kept
        pool.configure([])
        wait_until(lambda: not pool.states, "none is left")


def test_certificates_are_compared(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "ca")
    certificate, key = authority.issue("server", "/CN=store")
    pair = key.read_bytes(), certificate.read_bytes()
    store = FakeStore(info=info_message("sidecar"))
    trusted = TlsFiles(ca_file=str(authority.certificate), server_name="localhost")
    with serving(store, tls=grpc.ssl_server_credentials([pair])):
        endpoints = [
            Endpoint(store.address, tls=trusted),
            Endpoint(store.address, tls=replace(trusted, server_name="elsewhere")),
            Endpoint(store.address),
        ]
        with pool_of(*endpoints) as (pool, _):
            wait_until(lambda: kinds(pool) == ["sidecar"], "one is believed")
            wait_until(lambda: all(state.checked_ms for state in pool.states), "all were asked")
            assert [bool(state.error) for state in pool.states] == [False, True, True]
            before = pool.states[0]
            pool.configure(endpoints[:1])
            wait_until(
                lambda: len(pool.states) == 1 and pool.states[0] is not before,
                "files of certificates are read again",
            )
            # What it had is known while it is asked anew.
            assert pool.states[0].info is not None


def test_a_name_that_leads_nowhere_is_missed() -> None:
    with pool_of(Endpoint("dns+nowhere:1")) as (pool, _):
        wait_until(lambda: bool(pool.states), "it is listed")
        (state,) = pool.states
        assert (state.target, state.is_down, state.is_missed) == ("nowhere:1", True, True)
        assert state.is_worth_asking((), (0, 1))
