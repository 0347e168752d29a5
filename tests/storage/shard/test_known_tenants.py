"""Tenants of databases that share a directory, as several processes do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from storage.catalog.schema import tenants
from storage.database import Database
from storage.errors import Elsewhere, FormatError, LimitExceeded
from storage.policy import Policy
from storage.shard.doomed import DoomedFiles
from storage.shard.retention import Retention
from storage.tenants.placement import Share, shard_of
from tests.makers.batches import batch_of
from tests.makers.databases import append, key, opened, read, seal, series, write

SHARDS = 4
NAMES = [f"tenant-{n}" for n in range(12)]


@contextmanager
def shared(path: Path, count: int, **changes: Any) -> Iterator[list[Database]]:
    """Databases of one directory that have its shards among them."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                opened(path, policy=Policy(share=Share(n, count)), shards=SHARDS, **changes)
            )
            for n in range(count)
        ]


def owner(databases: list[Database], tenant: str) -> Database:
    return databases[shard_of(tenant, SHARDS) % len(databases)]


def test_each_has_its_tenants_and_no_others(tmp_path: Path) -> None:
    with shared(tmp_path, 3) as databases:
        for n, name in enumerate(NAMES):
            write(owner(databases, name), [series("up", [(1, float(n))])], tenant=name)
        listed = [set(database.tenant_names()) for database in databases]
        assert sorted(name for names in listed for name in names) == sorted(NAMES)
        numbers = {database._tenants[name].number for database in databases for name in NAMES
                   if name in database.tenant_names()}  # fmt: skip
        assert len(numbers) == len(NAMES)
    with opened(tmp_path, shards=SHARDS) as database:
        for n, name in enumerate(NAMES):
            assert read(database, tenant=name) == {key("up"): [(1, float(n))]}


@pytest.mark.parametrize("is_known", [False, True])
def test_what_another_has_is_neither_read_nor_written(tmp_path: Path, is_known: bool) -> None:
    name, released = NAMES[0], []
    if is_known:
        with opened(tmp_path, shards=SHARDS) as whole:
            write(whole, [series("up", [(1, 1.0)])], tenant=name)
    with shared(tmp_path, 2) as databases:
        (other,) = [each for each in databases if each is not owner(databases, name)]
        with pytest.raises(Elsewhere):
            read(other, tenant=name)
        batch = batch_of([series("up", [(2, 1.0)])])
        batch.release = lambda: released.append(1)
        with pytest.raises(Elsewhere):
            append(other, batch, tenant=name)
        assert released == [1]
        assert other.tenant_names() == []


def test_tenants_of_all_processes_count(tmp_path: Path) -> None:
    with shared(tmp_path, 2, tenants_max=3) as databases:
        with pytest.raises(LimitExceeded, match="3 tenants are known, at most 3 may be"):
            for name in NAMES:
                write(owner(databases, name), [series("up", [(1, 1.0)])], tenant=name)
        assert sum(len(database.tenant_names()) for database in databases) == 3


def test_no_two_have_the_same_shard(tmp_path: Path) -> None:
    policy = Policy(share=Share(1, 2))
    refused = pytest.raises(FormatError, match="0001 is in use by another")
    with shared(tmp_path, 2), refused, opened(tmp_path, policy=policy, shards=SHARDS):
        pass


def test_a_tenant_out_of_its_place_is_found_out(tmp_path: Path) -> None:
    with opened(tmp_path, shards=SHARDS) as database:
        write(database, [series("up", [(1, 1.0)])], tenant="a")
        moved = (shard_of("a", SHARDS) + 1) % SHARDS
        with database._catalog._transaction() as connection:
            connection.execute(update(tenants).values(shard=moved))
    with pytest.raises(FormatError, match="start with processes=1"), shared(tmp_path, 2):
        pass


def test_the_oldest_segments_of_all_are_dropped_each_by_its_owner(tmp_path: Path) -> None:
    with shared(tmp_path, 2) as databases:
        for shard in range(2):  # of process 0 the older one
            name = next(name for name in NAMES if shard_of(name, SHARDS) == shard)
            write(databases[shard], [series("up", [(shard + 1, 1.0)])], tenant=name)
            seal(databases[shard])
        dropped = []
        for number in (1, 0, 1):
            database = databases[number]
            small = Retention(
                database._options, database._catalog, DoomedFiles(), share=Share(number, 2)
            )
            small._bytes_max = max(s.bytes for d in databases for s in d._shards[
                d._share.number].view().segments)  # fmt: skip
            dropped.append(small.shrink(list(database._shards), 1))
        assert dropped == [0, 1, 0]
