"""Data directories that earlier programs wrote, kept in directories/, are opened by this one.

Each has a segment and a log that was not sealed any more, and is named by the migration of its
catalog and by what was new then. What each has to give is in tests/makers/formats/earlier.py.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.catalog import migrations
from storage.database import Database
from storage.files import CATALOG_FILE
from storage.labels.matchers import Matcher
from storage.segments import segment
from tests.makers.compaction import compact
from tests.makers.databases import opened, read, read_mixed, seal, series, write
from tests.makers.downsampling.databases import stored
from tests.makers.formats.earlier import (
    HISTOGRAM,
    LOGGED,
    MIXED_LOGGED,
    MIXED_SEALED,
    OTHER,
    SEALED,
    Floats,
    at,
)

ARCHIVES = sorted((Path(__file__).parent / "directories").glob("*.tar.xz"))
NAMED = Matcher("__name__", "=~", ".+")
MIXED_SINCE, DELETED, DOWNSAMPLED = "0002", "0004-deletions", "0005-downsampled"
# The samples that were deleted of the directory with a deletion.
GONE = range(at(0), at(2) + 1)

Bits = list[tuple[int, bytes]]
Labels = tuple[tuple[str, str], ...]


def name_of(archive: Path) -> str:
    return archive.name.removesuffix(".tar.xz")


def extracted(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as stream:
        stream.extractall(target)
    return target / name_of(archive)


@pytest.fixture(params=ARCHIVES, ids=name_of)
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return extracted(request.param, tmp_path)


def revision_of(directory: Path) -> str:
    with closing(sqlite3.connect(directory / CATALOG_FILE)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def formats_of(directory: Path) -> set[int]:
    return {json.loads(path.read_text())["format"] for path in directory.rglob("meta.json")}


def bits(points: list[tuple[int, float]]) -> Bits:
    """Points by time, so that every NaN and both zeros are themselves."""
    return sorted((timestamp, struct.pack("<d", value)) for timestamp, value in points)


def wanted(name: str, *parts: Floats) -> dict[Labels, Bits]:
    found: dict[Labels, Bits] = {}
    for part in parts:
        for labels, points in part:
            key = tuple(sorted(labels.items()))
            found[key] = sorted(found.get(key, []) + bits(points))
    if name == DELETED and (up := (("__name__", "up"), ("job", "a"))) in found:
        found[up] = [point for point in found[up] if point[0] not in GONE]
    return found


def assert_whole(database: Database, name: str) -> None:
    """Everything that was written is there, to the bit."""
    for tenant, parts in (("t", (SEALED, LOGGED)), ("u", (OTHER,))):
        got = {key: bits(points) for key, points in read(database, NAMED, tenant=tenant).items()}
        assert got == wanted(name, *parts), tenant
    if name >= MIXED_SINCE:
        points = {tuple(labels.items()): points for labels, points in MIXED_SEALED}
        points[tuple(HISTOGRAM.items())] = [*MIXED_SEALED[1][1], *MIXED_LOGGED[0][1]]
        assert read_mixed(database, NAMED, tenant="v") == points


def test_it_gives_what_was_written_and_goes_on(directory: Path) -> None:
    """Opened, sealed in today's format, opened again, and merged with what today's program made."""
    name = directory.name
    with opened(directory) as database:
        assert_whole(database, name)
        write(database, [series("today", [(at(60), 1.0)])], tenant="today")
        seal(database)
    with opened(directory) as database:
        assert_whole(database, name)
        assert compact(database) > 0
        assert_whole(database, name)
        assert read(database, NAMED, tenant="today") == {(("__name__", "today"),): [(at(60), 1.0)]}
    assert revision_of(directory) == newest()
    assert segment.FORMAT_OF_RAW in formats_of(directory)


def revisions() -> list[str]:
    """All migrations of the catalog, the oldest first."""
    versions = Path(str(migrations.__file__)).parent / "versions"
    return sorted(path.name[1:5] for path in versions.glob("v0*.py"))


def newest() -> str:
    return revisions()[-1]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    yield [extracted(archive, tmp_path_factory.mktemp("kept")) for archive in ARCHIVES]


def test_there_is_one_of_every_format(kept: list[Path]) -> None:
    """A new migration, or a new format of segments, needs a directory of the program before it."""
    assert {revision_of(path) for path in kept} >= set(revisions()[:-1])
    assert all(revision_of(path) == path.name[:4] for path in kept)
    formats = set().union(*map(formats_of, kept))
    assert formats == set(range(segment.FORMAT_OLDEST, segment.FORMAT_VERSION + 1))
    assert all(list(path.rglob("wal/*.log")) for path in kept)


def test_windows_of_a_downsampled_directory_are_read(kept: list[Path]) -> None:
    (directory,) = [path for path in kept if path.name == DOWNSAMPLED]
    with opened(directory) as database:
        found = stored(database, 300_000)
    windows = {dict(labels)["__name__"]: windows for labels, (windows, _) in found.items()}
    assert set(windows) >= {"up", "temperature_celsius"}
    assert sum(window.count for window in windows["up"]) == 40
