"""Numbered samples while the catalog's server is killed and stopped, or its owner is taken over:
every acknowledged one is stored exactly once."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from tests.crash.senders import NAME, SERIES, Sender
from tests.crash.test_crash import wrong_series
from tests.makers.postgresql.server import Server as Database
from tests.makers.postgresql.shared import shared_server
from tests.makers.stored_samples import stored

ROUNDS = 4
PATIENCE_S = 120.0
SEALED = 'msg="sealed"'
FLAGS = (
    "--storage.shards=2",
    "--storage.head.max-samples=8000",
    "--storage.retention=7200000ms",
    "--catalog.timeout=2s",
    "--catalog.lease=6s",
    "--catalog.start-timeout=2m",
)


@pytest.fixture
def database() -> Iterator[Database]:
    """One that is whole again after the test."""
    database = shared_server()
    yield database
    database.go_on()


def wait_until(holds: Callable[[], bool], server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, server.log_tail()
        time.sleep(0.2)


def lines(server: Server, text: str) -> int:
    return server.log.read_text().count(text)


def check(server: Server, sender: Sender, wanted: set[int]) -> None:
    assert sender.refusals == []
    kept = stored(Client(server.url, sender.tenant), NAME, window="2h")
    assert len(kept) == SERIES
    assert wrong_series(kept, sender, wanted) == [], server.log_tail()


def test_the_server_of_the_catalog_is_killed_and_stopped(
    tmp_path: Path, database: Database
) -> None:
    rng = random.Random(5)
    (port,) = free_ports(0)
    url = database.new_database()
    server = cupola_server(tmp_path, *FLAGS, f"--catalog.url={url}", port=port)
    with server.start():
        server.wait_ready()
        sender = Sender(server.url, "one", 5)
        sender.start()
        try:
            for number in range(ROUNDS):
                sealed, acked = lines(server, SEALED), len(sender.acked)
                wait_until(lambda s=sealed: lines(server, SEALED) > s, server)
                time.sleep(rng.uniform(0, 0.5))
                database.pause() if number % 2 else database.kill()
                acked = len(sender.acked)
                wait_until(lambda a=acked: len(sender.acked) > a, server)
                if number == ROUNDS - 1:
                    server.kill()
                    server.start()
                database.go_on() if number % 2 else database.start()
            server.wait_ready()
            sealed = lines(server, SEALED)
            wait_until(lambda: lines(server, SEALED) > sealed, server)
        finally:
            sender.finish()
        check(server, sender, sender.acked)
        assert server.stop() == 0, server.log_tail()
        server.start().wait_ready()
        check(server, sender, sender.acked)
        assert server.stop() == 0, server.log_tail()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM nodes").fetchone() == (0,)


def test_an_owner_that_was_stopped_is_taken_over(tmp_path: Path, database: Database) -> None:
    ports = free_ports(0, 0)
    url = database.new_database()
    flags = (*FLAGS, f"--catalog.url={url}")
    first = cupola_server(tmp_path / "first", *flags, port=ports[0])
    second = cupola_server(tmp_path / "second", *flags, port=ports[1])
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with first.start(), second:
        first.wait_ready()
        sender = Sender(first.url, "one", 5)
        sender.start()
        wait_until(lambda: lines(first, SEALED) > 1, first)
        os.kill(first.pid, signal.SIGSTOP)
        shutil.copytree(tmp_path / "first" / "data", tmp_path / "second" / "data")
        second.start()
        second.wait_ready()  # once the lease has ended
        after = Sender(second.url, "two", 6)
        after.start()
        os.kill(first.pid, signal.SIGCONT)
        wait_until(lambda: lines(first, 'msg="fenced"') > 0, first)
        wait_until(lambda: len(after.acked) > 2_000, second)
        for each in (sender, after):
            each.finish()
        # Also what the first one has acknowledged since it goes on: nothing.
        check(second, sender, sender.acked)
        first.stop()
        assert second.stop() == 0, second.log_tail()
        second.start().wait_ready()
        check(second, sender, sender.acked)
        check(second, after, after.acked)
        assert second.stop() == 0, second.log_tail()
