"""What is installed, configured and stored, judged."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from receiver.doctor import installation
from receiver.doctor.findings import Level
from receiver.settings.config import build
from storage.catalog.migrating import newest_version
from storage.files import LOCK_FILE, catalog_file, lock_directory


def test_versions_are_told() -> None:
    assert "numba 0." in installation.versions().text
    assert installation.version_of("no-such-library") == "missing"


@pytest.mark.parametrize(
    ("text", "level"),
    [("", Level.OK), ("storage.shards: 4", Level.OK), ("storage.shard: 4", Level.FAILURE)],
)
def test_configuration(text: str, level: Level, tmp_path: Path) -> None:
    path = tmp_path / "cupola.yml"
    path.write_text(text)
    assert installation.configured(path, {})[1].level is level


def test_what_only_the_server_would_refuse_is_found(tmp_path: Path) -> None:
    _, found = installation.configured(None, {"limits.file": str(tmp_path / "missing.yml")})
    assert found.level is Level.FAILURE and "missing.yml" in found.text


@pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_files_with_secrets(mode: int, count: int, tmp_path: Path) -> None:
    path = tmp_path / "auth.yml"
    path.touch()
    path.chmod(mode)
    config = build({"auth.file": str(path), "web.config.file": str(tmp_path / "missing")})
    assert len(installation.secrets(config)) == count


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    (found,) = installation.stored(tmp_path / "data")
    assert found.level is Level.OK and "does not exist yet" in found.text


def test_a_directory_in_use(tmp_path: Path) -> None:
    assert not installation.in_use(tmp_path)
    lock = lock_directory(tmp_path)
    try:
        assert installation.in_use(tmp_path)
        assert "in use by a server" in installation.stored(tmp_path)[0].text
    finally:
        os.close(lock)
    assert (tmp_path / LOCK_FILE).exists() and not installation.in_use(tmp_path)


@pytest.mark.parametrize(
    ("version", "level"),
    [("newest", Level.OK), ("0001", Level.WARNING), ("9999", Level.FAILURE), (None, Level.FAILURE)],
)
def test_catalogs(version: str | None, level: Level, tmp_path: Path) -> None:
    with sqlite3.connect(catalog_file(tmp_path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        if version is not None:
            number = newest_version() if version == "newest" else version
            connection.execute("INSERT INTO alembic_version VALUES (?)", (number,))
    connection.close()
    assert installation.stored(tmp_path)[1].level is level


def test_a_damaged_catalog(tmp_path: Path) -> None:
    catalog_file(tmp_path).write_bytes(b"no database at all, but long enough to be read as one")
    assert installation.catalog(tmp_path).level is Level.FAILURE


@pytest.mark.parametrize(
    ("complete", "writable", "level"),
    [(True, True, Level.OK), (False, True, Level.WARNING), (False, False, Level.WARNING)],
)
def test_kernels(
    complete: bool, writable: bool, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.kernels.complete.is_complete", lambda kernels: complete)
    monkeypatch.setattr(installation, "can_be_made", lambda place: writable)
    found = installation.kernels()
    assert found.level is level
    assert ("NUMBA_CACHE_DIR" in found.advice) == (not complete and not writable)
