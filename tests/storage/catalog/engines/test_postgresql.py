"""Transactions on a server: how they end is known, whatever happens to the connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.catalog.engines.postgresql import (
    OutcomeUnknown,
    PostgresqlTransactions,
    public_name,
)
from storage.catalog.options import CatalogOptions
from storage.catalog.owning.opening import open_owned
from storage.errors import CatalogConfigError, Overloaded
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from tests.makers.postgresql.catalogs import owned, server_of
from tests.makers.postgresql.proxy import Proxy
from tests.makers.postgresql.server import Server
from tests.makers.postgresql.shared import shared_server

SHORT = CatalogOptions(timeout_ms=1_000)


def segment() -> SegmentMeta:
    return SegmentMeta(
        ulid=new_ulid(5), shard=1, min_ms=1, max_ms=9, samples=3, series=2, bytes=7, created_ms=5
    )


@pytest.fixture
def server() -> Iterator[Server]:
    """One that is whole again after the test."""
    server = shared_server()
    yield server
    server.go_on()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


def through(proxy: Proxy, url: str) -> str:
    return url.replace(f":{shared_server().port}/", f":{proxy.port}/")


@pytest.mark.parametrize("how", ["before", "after"])
def test_a_commit_that_is_cut_is_read_back(
    server: Server, proxy: Proxy, tmp_path: Path, how: str
) -> None:
    url = through(proxy, server.new_database())
    place = server_of(url)
    catalog = open_owned(place, tmp_path, 4)
    first, second = segment(), segment()
    catalog.seal(1, [first], 5)
    proxy.cut = how
    if how == "after":
        catalog.seal(1, [second], 9)
    else:
        with pytest.raises(Overloaded, match="failed"):
            catalog.seal(1, [second], 9)
        assert (catalog.segments(1), catalog.log_position(1)) == ([first], 5)
        catalog.seal(1, [second], 9)
    assert proxy.cuts == 1
    assert (catalog.segments(1), catalog.log_position(1)) == ([first, second], 9)
    outcome = "committed" if how == "after" else "rolled_back"
    assert place.metrics.read_back.labels(outcome)._value.get() == 1
    catalog.close()


def test_an_outcome_that_is_not_known_is_not_guessed(
    server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    url = server.new_database()
    catalog = owned(through(proxy, url), tmp_path)
    proxy.cut = "after"
    proxy.close()  # nobody can ask any more
    failed: list[BaseException] = []

    def seal() -> None:
        try:
            catalog.seal(1, [segment()], 9)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=seal)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it waits"
    catalog.stop_waiting()
    thread.join(60)
    assert [type(error) for error in failed] == [OutcomeUnknown]
    catalog.close()
    catalog = owned(url, tmp_path)
    assert (len(catalog.segments(1)), catalog.log_position(1)) == (1, 9)
    catalog.close()


def test_connections_that_were_lost_are_made_anew(server: Server, tmp_path: Path) -> None:
    catalog = owned(server.new_database(), tmp_path)
    catalog.seal(1, [], 5)
    for _ in range(2):
        server.kill()
        server.start()
        assert catalog.log_position(1) == 5
        catalog.seal(1, [], 5)
    server.kill()
    with pytest.raises(Overloaded, match="refused"):
        catalog.seal(1, [], 6)
    with pytest.raises(Overloaded, match="refused"):  # at once
        catalog.log_position(1)
    server.start()
    wait_for(lambda: catalog.log_position(1) == 5)
    catalog.seal(1, [], 6)
    catalog.close()


def wait_for(holds: object) -> None:
    """Until something holds that may raise Overloaded first."""
    assert callable(holds)
    for _ in range(600):
        try:
            assert holds()
            return
        except Overloaded:
            threading.Event().wait(0.1)
    raise AssertionError("not in a minute")


def test_a_server_that_says_nothing_is_given_up(server: Server) -> None:
    transactions = PostgresqlTransactions(server.new_database(), SHORT)
    with transactions.reading() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    server.pause()
    with pytest.raises(Overloaded, match="failed"), transactions.reading():
        raise AssertionError("it has begun")
    server.go_on()

    def works() -> bool:
        with transactions.writing() as connection:
            return bool(connection.scalar(sa.text("SELECT 1")))

    wait_for(works)
    transactions.close()


def test_statements_have_a_limit(server: Server) -> None:
    transactions = PostgresqlTransactions(server.new_database(), SHORT)
    with pytest.raises(Overloaded, match="statement timeout"), transactions.reading() as connection:
        connection.execute(sa.text("SELECT pg_sleep(30)"))
    with pytest.raises(Overloaded, match="read-only"), transactions.reading() as connection:
        connection.execute(sa.text("CREATE TABLE t (x int)"))
    with transactions.writing() as connection:
        connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
    with transactions.writing() as connection:
        assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
    transactions.close()


@pytest.mark.parametrize("default", ["off", "on", "local"])
def test_commits_are_durable(server: Server, default: str) -> None:
    url = server.new_database()
    transactions = PostgresqlTransactions(url, SHORT)
    with transactions.writing() as connection:
        name = connection.scalar(sa.text("SELECT current_database()"))
        connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = {default}"))
    transactions.close()
    transactions = PostgresqlTransactions(url, SHORT)
    with transactions.writing() as connection:
        expected = "on" if default == "off" else default
        assert connection.scalar(sa.text("SHOW synchronous_commit")) == expected
    transactions.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:hidden@db.example:5433/cat?sslmode=require", "cat on db.example:5433"),
        ("postgres://db.example/cat", "cat on db.example"),
        ("postgresql:///cat?host=/run/postgresql&password=hidden", "cat on /run/postgresql"),
        ("postgresql://a,b/cat", "cat on a,b"),
        ("postgresql://", "default database on local socket"),
    ],
)
def test_names_have_no_secrets(url: str, expected: str) -> None:
    assert public_name(url) == expected


@pytest.mark.parametrize(
    "url", ["mysql://me:hidden@db/cat", "host=db password=hidden", "postgresql://me:hidden@[/x"]
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(CatalogConfigError, match=r"^catalog.url: .*allowed is") as caught:
        public_name(url)
    assert "hidden" not in str(caught.value)
