"""A catalog is migrated where that is needed, and only there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from storage.catalog.catalog import Catalog
from storage.catalog.engines.sqlite import sqlite_engine
from storage.catalog.migrating import MIGRATIONS, newest_version, run_migrations, version_of

# Opens the catalog and tells whether Alembic was needed.
PROGRAM = """
import sys
from pathlib import Path
from storage.catalog.catalog import Catalog
Catalog.open(Path(sys.argv[1]), shards=1).close()
print("alembic" in sys.modules)
"""


def needs_alembic(path: Path) -> bool:
    command = [sys.executable, "-c", PROGRAM, str(path)]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_newest_version_is_that_of_the_last_migration() -> None:
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_alembic_is_loaded_for_migrations_only(path: Path) -> None:
    assert not needs_alembic(path), "for a new one"
    assert not needs_alembic(path), "for one of today"


def described(path: Path) -> dict[str, object]:
    """Columns, keys and indexes of all tables, in no order: added columns come last."""
    engine = sqlite_engine(path)
    with engine.connect() as connection:
        found = sa.inspect(connection)
        tables = {
            table: (
                {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in columns},
                found.get_pk_constraint(table),
                sorted(str(one) for one in found.get_unique_constraints(table)),
                sorted(str(one) for one in found.get_indexes(table)),
            )
            for table in found.get_table_names()
            for columns in [found.get_columns(table)]
        }
        version = version_of(connection)
    engine.dispose()
    return {"version": version, **tables}


def test_a_new_catalog_is_what_migrations_make(path: Path, tmp_path: Path) -> None:
    migrated = tmp_path / "migrated.sqlite"
    engine = sqlite_engine(migrated)
    with engine.begin() as connection:
        run_migrations(connection, "migrated")
    engine.dispose()
    Catalog.open(path, shards=1).close()
    assert described(path) == described(migrated)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite"


def test_an_older_catalog_is_brought_up_to_date(path: Path) -> None:
    Catalog.open(path, shards=1).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP TABLE metric_metadata; DROP TABLE deletions; DROP TABLE pending_deletions;"
        "DROP TABLE uploads; DROP TABLE rule_groups; DROP TABLE rule_alerts;"
        "DROP TABLE configured_rules; DROP TABLE rule_changes; DROP TABLE nodes;"
        "DROP TABLE owners;"
        "ALTER TABLE segments DROP COLUMN exemplars; ALTER TABLE segments DROP COLUMN histograms;"
        "ALTER TABLE segments DROP COLUMN rank; ALTER TABLE segments DROP COLUMN set_aside;"
        "ALTER TABLE segments DROP COLUMN set_aside_ms; ALTER TABLE segments DROP COLUMN from_ms;"
        "ALTER TABLE segments DROP COLUMN to_ms; ALTER TABLE segments DROP COLUMN late_ms;"
        "INSERT INTO segments VALUES"
        " (3, '01M7XPQ3QGEP6R1HX9JHSNFCD4', 0, -5, 9, 2, 1, 7, 8, 0, 0),"
        " (7, '01M7XPQ3QGEP6R1HX9JHSNFCD3', 0, 1, 2, 3, 1, 4, 9, 0, 0);"
        "UPDATE alembic_version SET version_num = '0001'"
    )
    connection.close()
    assert needs_alembic(path)
    catalog = Catalog.open(path, shards=1)
    assert catalog.metadata(1) == []
    assert [(s.ulid[-1], s.samples, s.rank) for s in catalog.segments(0)] == [
        ("4", 2, 3),
        ("3", 3, 7),
    ]
    assert catalog.set_aside_segments(0) == []
    assert catalog.deletions.receipts(1) == []
    catalog.close()
