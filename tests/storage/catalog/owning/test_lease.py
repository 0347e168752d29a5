"""One process owns a catalog; whoever was it before changes nothing any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from storage.catalog.engines.postgresql import PostgresqlTransactions
from storage.catalog.options import CatalogOptions
from storage.catalog.owning.installation import read_number, write_number
from storage.catalog.owning.lease import Held, Lease, Node
from storage.catalog.owning.opening import OwnedCatalog, open_owned
from storage.errors import Fenced, Overloaded
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from tests.makers.postgresql.catalogs import owned, server_of
from tests.makers.postgresql.shared import shared_server

NEVER_MS = 3_600_000


def segment() -> SegmentMeta:
    return SegmentMeta(
        ulid=new_ulid(5), shard=1, min_ms=1, max_ms=9, samples=3, series=2, bytes=7, created_ms=5
    )


@pytest.fixture
def url() -> str:
    return shared_server().new_database()


@pytest.fixture
def first(url: str, tmp_path: Path) -> Iterator[OwnedCatalog]:
    """Its lease is not renewed while a test lasts."""
    catalog = owned(url, tmp_path / "first", lease_ms=NEVER_MS)
    yield catalog
    catalog.close()


def copy_of(data: Path) -> Path:
    """A directory of the same installation, elsewhere."""
    other = data.with_name("copy")
    other.mkdir()
    number = read_number(data)
    assert number is not None
    write_number(other, number)
    return other


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def end_leases(url: str) -> None:
    execute(url, "UPDATE nodes SET expires_ms = 0")


def test_a_second_owner_is_refused(url: str, tmp_path: Path, first: OwnedCatalog) -> None:
    other = copy_of(tmp_path / "first")
    with pytest.raises(Held, match=r"in use by tests, epoch 1; .*\(catalog.lease\)"):
        owned(url, other)
    first.seal(1, [segment()], 2)
    first.close()
    second = owned(url, other)
    assert second.lease.epoch == 2
    assert len(second.segments(1)) == 1
    second.close()


def test_an_owner_that_renews_is_not_waited_for(
    url: str, tmp_path: Path, first: OwnedCatalog
) -> None:
    def clock() -> float:
        execute(url, "UPDATE nodes SET expires_ms = expires_ms + 1000")
        return 0.0

    with pytest.raises(Held):
        open_owned(
            server_of(url, start_timeout_ms=60_000), copy_of(tmp_path / "first"), 4, clock=clock
        )


def test_whoever_was_taken_over_changes_nothing(
    url: str, tmp_path: Path, first: OwnedCatalog
) -> None:
    before = segment()
    first.seal(1, [before], 5)
    first.check_owner()
    end_leases(url)
    second = owned(url, copy_of(tmp_path / "first"))
    assert second.lease.epoch == 2
    with pytest.raises(Fenced, match="taken .* over from this one, which had it with epoch 1"):
        first.seal(1, [segment()], 9)
    for change in (
        lambda: first.drop_segments([before.ulid]),
        lambda: first.add_tenants({"a": 1}),
        lambda: first.uploads.note_sequence(7),
        lambda: first.replace(1, [before.ulid], [segment()]),
        lambda: first.set_aside(before.ulid, "no"),
        first.check_owner,
    ):
        with pytest.raises(Fenced):
            change()
    assert not first.takes_changes
    assert (second.segments(1), second.log_position(1)) == ([before], 5)
    assert (second.tenants(), second.uploads.sequence()) == ([], 0)
    first.close()  # nor does it give back what is another's
    second.seal(1, [], 6)
    second.lease.renew()
    second.check_owner()
    second.close()


def test_a_former_life_is_not_waited_for(url: str, tmp_path: Path, first: OwnedCatalog) -> None:
    again = owned(url, tmp_path / "first")
    assert again.lease.epoch == 2
    with pytest.raises(Fenced):
        first.seal(1, [], 3)
    again.close()


def test_a_transaction_under_way_is_waited_for(
    url: str, tmp_path: Path, first: OwnedCatalog
) -> None:
    """It is seen by whoever takes over, or refused: nothing in between."""
    meta = segment()
    with ThreadPoolExecutor(1) as pool:
        with first._transaction() as connection:
            connection.exec_driver_sql("UPDATE nodes SET expires_ms = 0")
            connection.exec_driver_sql(
                "INSERT INTO log_positions (shard, first_file) VALUES (3, 33)"
            )
            execute(url, "SELECT 1")
            # By what others see its lease goes on, so it is taken by force here.
            taken = pool.submit(force, url)
            wait_for_waiters(url)
            assert not taken.done()
        taken.result(60)
    with pytest.raises(Fenced):
        first.seal(1, [meta], 9)
    assert first.log_position(3) == 33


def force(url: str) -> None:
    execute(url, "DELETE FROM nodes")


def wait_for_waiters(url: str) -> None:
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(600):
            row = connection.execute(query).fetchone()
            if row is not None and row[0]:
                return
            threading.Event().wait(0.1)
    raise AssertionError("nobody waits")


@pytest.fixture
def transactions(url: str, tmp_path: Path) -> Iterator[PostgresqlTransactions]:
    owned(url, tmp_path / "first").close()  # has made the tables
    transactions = PostgresqlTransactions(url, CatalogOptions(timeout_ms=5_000))
    yield transactions
    transactions.close()


def test_what_passes_while_time_goes_by(url: str, transactions: PostgresqlTransactions) -> None:
    now = [100.0]
    metrics = server_of(url).metrics
    node = Node("n", "1", "all", "here")
    lease = Lease(node, transactions, metrics, lease_ms=15_000, clock=lambda: now[0])
    lease.take(range(2))
    now[0] += 14
    lease.check()
    now[0] += 2
    with pytest.raises(Overloaded, match="has ended"):
        lease.check()
    lease.renew()
    lease.check()
    assert (metrics.owner._value.get(), metrics.reachable._value.get()) == (1, 1)
    execute(url, "DELETE FROM nodes")
    lease.renew()
    with pytest.raises(Fenced):
        lease.check()
    assert metrics.owner._value.get() == 0
    lease.stop()


def test_while_the_server_is_away_writes_go_on(transactions: PostgresqlTransactions) -> None:
    now = [100.0]
    server = shared_server()
    metrics = server_of(server.url()).metrics
    node = Node("n", "1", "all", "here")
    lease = Lease(node, transactions, metrics, lease_ms=15_000, clock=lambda: now[0])
    lease.take(range(2))
    server.kill()
    try:
        now[0] += 20
        with pytest.raises(Overloaded):  # it may have been stopped itself
            lease.check()
        lease.renew()
        lease.check()
        assert not lease.is_sure
        assert (metrics.reachable._value.get(), metrics.failures._value.get()) == (0, 1)
        now[0] += 16  # no attempt for longer than one takes
        with pytest.raises(Overloaded):
            lease.check()
    finally:
        server.start()
    for _ in range(600):
        lease.renew()
        if lease.is_sure:
            break
        threading.Event().wait(0.1)
    lease.check()
    assert metrics.reachable._value.get() == 1
    lease.stop()


def test_shards_are_owned_one_by_one(url: str, transactions: PostgresqlTransactions) -> None:
    metrics = server_of(url).metrics
    node = Node("a", "1", "all", "one")
    leases = [
        Lease(replace(node, directory=where), transactions, metrics, lease_ms=NEVER_MS)
        for where in ("one", "two", "three")
    ]
    leases[0].take([0, 2])
    leases[1].take([1, 3])
    with pytest.raises(Held):
        leases[2].take([3])
    leases[1].stop()
    leases[2].take([3])
    assert [lease.epoch for lease in leases[:1] + leases[2:]] == [2, 4]
    leases[0].renew()
    assert leases[0].is_sure
    for lease in leases:
        lease.stop()
