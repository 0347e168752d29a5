"""The catalog keeps what it was told, changes whole or not at all, refuses what it cannot read."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from storage.catalog import migrating
from storage.catalog.catalog import Catalog
from storage.catalog.metadata import Description, FamilyMetadata
from storage.catalog.migrating import make_tables, run_migrations
from storage.errors import FormatError, StorageError
from storage.segments.segment import SegmentMeta
from storage.segments.ulid import new_ulid
from storage.tenants.tenant import Tenant

Opener = Callable[..., Catalog]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


def segment(shard: int = 1, **fields: int) -> SegmentMeta:
    values = {"min_ms": -(2**63), "max_ms": 2**63 - 1, "samples": 2**40, "series": 7, "bytes": 9}
    return SegmentMeta(ulid=new_ulid(5), shard=shard, **values | {"created_ms": 5} | fields)


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_number_of_shards_is_fixed(open_catalog: Opener) -> None:
    for asked in (4, 7):
        catalog = open_catalog(shards=asked)
        assert catalog.shards == 4
        catalog.close()


def test_tenants_get_lasting_numbers(open_catalog: Opener) -> None:
    expected = [Tenant("a", 1, 3), Tenant("b", 2, 0)]
    for _ in range(2):
        catalog = open_catalog(shards=4)
        assert catalog.add_tenants({"a": 3}) == {"a": 1}
        assert catalog.add_tenants({"a": 1, "b": 0}) == {"a": 1, "b": 2}
        assert catalog.tenants() == expected
        catalog.close()


def test_seal_registers_segment_and_position(open_catalog: Opener) -> None:
    first, second, other = segment(created_ms=9), segment(level=2, resolution_ms=60_000), segment(2)
    catalog = open_catalog(shards=4)
    assert catalog.log_position(1) == 1
    catalog.seal(1, [first], 5)
    catalog.seal(2, [other], 3)
    catalog.seal(1, [second], 8)
    catalog.close()
    catalog = open_catalog(shards=4)
    assert catalog.segments(1) == [first, second], "in the order in which they were sealed"
    assert catalog.segments(2) == [other]
    assert catalog.segments(3) == []
    assert [catalog.log_position(shard) for shard in (1, 2, 3)] == [8, 3, 1]
    catalog.close()


def test_seal_without_segment_moves_the_position(catalog: Catalog) -> None:
    catalog.seal(1, [], 6)
    assert (catalog.segments(1), catalog.log_position(1)) == ([], 6)


def test_failed_seal_changes_nothing(catalog: Catalog) -> None:
    meta = segment()
    catalog.seal(1, [meta], 5)
    with pytest.raises(StorageError, match="UNIQUE|unique"):
        catalog.seal(1, [meta], 9)
    assert (catalog.segments(1), catalog.log_position(1)) == ([meta], 5)


def test_segment_of_another_shard_is_a_bug(catalog: Catalog) -> None:
    with pytest.raises(AssertionError, match="BUG"):
        catalog.seal(2, [segment(1)], 5)
    assert catalog.log_position(2) == 1


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_drop_segments(catalog: Catalog, count: int) -> None:
    metas = [segment() for _ in range(6)]
    for meta in metas:
        catalog.seal(1, [meta], 5)
    catalog.drop_segments([*(meta.ulid for meta in metas[:count]), new_ulid(1)], at_once=2)
    assert catalog.segments(1) == metas[count:]


def test_a_seal_registers_all_its_segments_or_none(catalog: Catalog) -> None:
    metas = [segment(rank=1), segment(rank=1)]
    catalog.seal(1, metas, 5)
    assert catalog.segments(1) == metas
    with pytest.raises(StorageError, match="UNIQUE|unique"):
        catalog.seal(1, [segment(), metas[1]], 9)
    assert (catalog.segments(1), catalog.log_position(1)) == (metas, 5)


def test_segments_come_by_rank(catalog: Catalog) -> None:
    metas = [segment(rank=rank) for rank in (3, 1, 2, 1)]
    for meta in metas:
        catalog.seal(1, [meta], 5)
    assert catalog.segments(1) == [metas[i] for i in (1, 3, 2, 0)]


def test_replace_swaps_segments_at_once(open_catalog: Opener) -> None:
    catalog = open_catalog(shards=4)
    first, second, third = (segment(rank=rank) for rank in (1, 2, 3))
    catalog.seal(1, [first, second, third], 5)
    output = segment(level=1, rank=1)
    catalog.replace(1, [first.ulid, second.ulid], [output], {second.ulid: "damaged"})
    catalog.close()
    catalog = open_catalog(shards=4)
    assert catalog.segments(1) == [output, third]
    ((kept, reason, since_ms),) = catalog.set_aside_segments(1)
    assert (kept, reason) == (second, "damaged")
    assert since_ms > 0
    for gone in (first, second):
        with pytest.raises(StorageError, match="1 of 2 segments of shard 1 .* are in use"):
            catalog.replace(1, [gone.ulid, third.ulid], [segment()])
    with pytest.raises(StorageError, match="UNIQUE|unique"):
        catalog.replace(1, [third.ulid], [output])
    assert catalog.segments(1) == [output, third]
    catalog.close()


def test_what_is_set_aside_is_kept_and_not_in_use(catalog: Catalog) -> None:
    first, second = segment(rank=1), segment(rank=2)
    catalog.seal(1, [first, second], 5)
    catalog.set_aside(first.ulid, "unreadable")
    assert catalog.segments(1) == [second]
    assert [entry.segment for entry in catalog.set_aside_segments(1)] == [first]
    assert catalog.set_aside_segments(2) == []
    catalog.drop_segments([first.ulid])
    assert catalog.set_aside_segments(1) == []


def test_many_threads(catalog: Catalog) -> None:
    def work(number: int) -> int:
        catalog.seal(number % 4, [segment(number % 4)], number + 1)
        (tenant,) = catalog.add_tenants({f"tenant-{number % 5}": 0}).values()
        return tenant

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(40)))
    assert sorted(set(ids)) == [1, 2, 3, 4, 5]
    assert all(ids[i] == ids[i + 5] for i in range(35))
    assert sum(len(catalog.segments(shard)) for shard in range(4)) == 40


def test_commits_are_durable(path: Path) -> None:
    catalog = Catalog.open(path, shards=1)
    with catalog._transaction() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2
    catalog.close()


def test_directory_with_a_percent_sign(tmp_path: Path) -> None:
    (tmp_path / "a%20b ?c").mkdir()
    catalog = Catalog.open(tmp_path / "a%20b ?c" / "c.sqlite", shards=1)
    catalog.close()
    assert (tmp_path / "a%20b ?c" / "c.sqlite").exists()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "version that this program"),
        ("UPDATE settings SET value = 2 WHERE name = 'format_version'", "format 2, .* reads 1"),
    ],
)
def test_newer_versions_are_refused(path: Path, statement: str, message: str) -> None:
    Catalog.open(path, shards=1).close()
    execute(path, statement)
    with pytest.raises(FormatError, match=message):
        Catalog.open(path, shards=1)


def test_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"noise " * 1000)
    with pytest.raises(FormatError, match="damaged"):
        Catalog.open(path, shards=1)


@pytest.mark.parametrize("contents", [None, b""])
def test_lost_catalog_is_not_replaced(path: Path, contents: bytes | None) -> None:
    (path.parent / "shards").mkdir()
    if contents is not None:
        path.write_bytes(contents)
    for _ in range(2):
        with pytest.raises(FormatError, match="missing or empty"):
            Catalog.open(path, shards=1)


def test_catalog_beside_its_shards_is_opened(path: Path) -> None:
    Catalog.open(path, shards=1).close()
    (path.parent / "shards").mkdir()
    Catalog.open(path, shards=1).close()


def test_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        Catalog.open(tmp_path / "none" / "catalog.sqlite", shards=1)


@pytest.mark.parametrize("make", [make_tables, lambda connection: run_migrations(connection, "")])
def test_what_is_interrupted_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Connection], None]
) -> None:
    def interrupted(connection: Connection) -> None:
        make(connection)
        raise OSError("power cut")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="power cut"):
        patch.setattr(migrating, "make_tables", interrupted)
        Catalog.open(path, shards=1)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    Catalog.open(path, shards=1).close()


def test_metadata_is_replaced_by_family(open_catalog: Opener) -> None:
    catalog = open_catalog(shards=4)
    one, two = catalog.add_tenants({"one": 1, "two": 2}).values()
    gauge, counter = Description(2, "Is it\nup?", ""), Description(1, "", "seconds")
    up = FamilyMetadata(one, "up", (gauge, counter))
    more = [FamilyMetadata(one, f"m{i}", (gauge,)) for i in range(4)]
    catalog.save_metadata([up, *more, FamilyMetadata(two, "up", (counter,))], at_once=2)
    gone = [FamilyMetadata(one, name, ()) for name in ("m0", "m2", "m3", "x")]
    catalog.save_metadata(gone, at_once=2)
    catalog.save_metadata([FamilyMetadata(one, "m1", (counter,))])
    catalog.close()
    catalog = open_catalog(shards=4)
    assert sorted(catalog.metadata(1)) == [FamilyMetadata(one, "m1", (counter,)), up]
    assert catalog.metadata(2) == [FamilyMetadata(two, "up", (counter,))]
    assert catalog.metadata(3) == []
    catalog.close()


def test_a_look_writes_nothing_and_refuses_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with pytest.raises(FormatError, match="no data directory"):
        Catalog.look(path)
    catalog = Catalog.open(path, shards=3)
    catalog.add_tenants({"a": 2})
    looked = Catalog.look(path)
    assert looked.shards == 3
    assert [tenant.name for tenant in looked.tenants()] == ["a"]
    catalog.add_tenants({"b": 0})
    assert [tenant.name for tenant in looked.tenants()] == ["a", "b"]
    with pytest.raises(StorageError):
        looked.add_tenants({"c": 0})
    catalog.close()
    names = [p.name for p in tmp_path.iterdir()]
    assert [tenant.name for tenant in looked.tenants()] == ["a", "b"]
    assert [p.name for p in tmp_path.iterdir()] == names
    looked.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    with pytest.raises(FormatError, match="another version"):
        Catalog.look(path)
