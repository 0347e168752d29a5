"""Statements over samples that are in a bucket only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.bucket.attached import looked_at
from storage.database import Database
from storage.errors import FormatError
from storage.files import SAMPLES_FILE
from storage.objects.store import ObjectStore
from storage.sql.listing import read_listing
from storage.sql.views import connect
from tests.makers.buckets.databases import bucket_at, evict, store_at
from tests.makers.databases import Points, opened, seal, series, write, write_mixed
from tests.makers.histograms import EXAMPLES

HOUR = 3_600_000
LARGE = {"head_samples_max": 4_000_000}


def fill(database: Database) -> None:
    """Integers, a value that contradicts one of another segment, floats, and histograms."""
    write(database, [series("a", [(1000 * k, float(k)) for k in range(100)], n=f"{n}")
                     for n in range(100)])  # fmt: skip
    seal(database)
    write(database, [series("a", [(2000, 9.0), (HOUR, 0.1 + 0.2)], n="7")])
    seal(database)
    points = [(9 * HOUR, EXAMPLES[0], 0), (9 * HOUR + 1, 0x4004_0000_0000_0000, 0)]
    write_mixed(database, [({"__name__": "h"}, points)])
    seal(database)


@contextmanager
def asking(place: Path, **changes: Any) -> Iterator[tuple[Any, ObjectStore]]:
    store = store_at(place / "bucket")
    attached = looked_at(bucket_at(store, **changes), place / "data", place / "cache")
    listing = read_listing(place / "data")
    with connect(listing, memory_bytes=1 << 28, threads=2, attached=attached) as connection:
        yield lambda sql: connection.execute(sql).fetchall(), store
    store.close()


def answers(place: Path) -> list[Any]:
    with connect(read_listing(place), memory_bytes=1 << 28, threads=2) as connection:
        return [connection.execute(sql).fetchall() for sql in STATEMENTS]


STATEMENTS = (
    "SELECT labels['n'], ts, value FROM samples ORDER BY ALL",
    "SELECT value FROM samples WHERE labels['n'] = '7' AND ts BETWEEN 1000 AND 3000 ORDER BY ts",
    "SELECT count(*), sum(value) FROM samples WHERE ts > 3000000",
    "SELECT * EXCLUDE (time) FROM histograms",
    "SELECT labels, samples, last_value FROM series ORDER BY ALL",
)


def test_the_same_answers_as_from_the_disk(tmp_path: Path) -> None:
    evict(tmp_path, fill, **LARGE)
    with opened(tmp_path / "plain", **LARGE) as database:
        fill(database)
    assert not list((tmp_path / "data").rglob(SAMPLES_FILE))
    before = sorted((tmp_path / "data" / "shards").rglob("*"))
    with asking(tmp_path, cache_bytes=1 << 16) as (ask, _):
        found = [ask(sql) for sql in STATEMENTS]
    wanted = answers(tmp_path / "plain")
    assert found == wanted
    assert found[1] == [(1.0,), (2.0,), (3.0,)]
    assert len(found[3]) == 1
    assert sorted((tmp_path / "data" / "shards").rglob("*")) == before


def noise(database: Database) -> None:
    def points(number: int) -> Points:
        values = np.random.default_rng(number).random(2000).tolist()
        return list(zip(range(0, 2_000_000, 1000), values, strict=True))

    write(database, [series("a", points(n), n=f"{n:03d}") for n in range(300)])
    seal(database)


def test_only_what_a_statement_needs_is_fetched(tmp_path: Path) -> None:
    evict(tmp_path, noise, **LARGE)
    (path,) = (tmp_path / "bucket").rglob(SAMPLES_FILE)
    with asking(tmp_path) as (ask, store):
        assert ask("SELECT count(*) FROM samples WHERE ts > 9000000") == [(0,)]
        read = store._metrics.read_bytes._value.get
        assert 0 < read() < path.stat().st_size / 4, "nothing has such times"
        ((number,),) = ask("SELECT series_id FROM series WHERE labels['n'] = '007'")
        found = ask(f"SELECT value FROM samples WHERE series_id = {number}")
        assert len(found) == 2000
        assert read() < path.stat().st_size * 3 / 4, "row groups of other series were fetched"
        assert ask("SELECT value FROM samples WHERE labels['n'] = '007'") == found


def test_samples_in_a_bucket_that_is_not_named(tmp_path: Path) -> None:
    evict(tmp_path, fill, **LARGE)
    with pytest.raises(FormatError, match=r"samples of 3 of 3 segments.*objstore.config-file"):
        answers(tmp_path / "data")
