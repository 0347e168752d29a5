"""The file that says which catalog a data directory has."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.catalog.owning.installation import (
    INSTALLATION_FILE,
    identity_of,
    new_number,
    read_number,
    refuse_other,
    refuse_without_url,
    write_number,
)
from storage.errors import FormatError
from storage.options import StorageOptions
from storage.read_only import ReadOnlyDatabase
from storage.snapshot import take_snapshot


def test_a_number_is_kept(tmp_path: Path) -> None:
    assert read_number(tmp_path) is None
    number = new_number()
    write_number(tmp_path, number)
    assert read_number(tmp_path) == number > 0
    assert [path.name for path in tmp_path.iterdir()] == [INSTALLATION_FILE]


@pytest.mark.parametrize("content", [b"", b"-1", b"12 13", b"\xff", "²".encode()])
def test_files_that_hold_no_number(tmp_path: Path, content: bytes) -> None:
    (tmp_path / INSTALLATION_FILE).write_bytes(content)
    with pytest.raises(FormatError, match=INSTALLATION_FILE):
        read_number(tmp_path)


def test_new_ones_and_those_of_each_other_pass(tmp_path: Path) -> None:
    refuse_other(tmp_path, None, "c")
    write_number(tmp_path, 5)
    refuse_other(tmp_path, None, "c")
    refuse_other(tmp_path, 5, "c")


def test_without_a_url_it_is_not_opened(tmp_path: Path) -> None:
    refuse_without_url(tmp_path)
    write_number(tmp_path, 5)
    with pytest.raises(FormatError, match=r"on a PostgreSQL server.*\(catalog.url\)"):
        refuse_without_url(tmp_path)
    with pytest.raises(FormatError, match="on a PostgreSQL server"):
        take_snapshot(tmp_path, tmp_path / "snapshot")
    with pytest.raises(FormatError, match="on a PostgreSQL server"):
        ReadOnlyDatabase(StorageOptions(path=str(tmp_path)), lambda kind, payload: None)


def test_directories_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert identity_of(tmp_path / "a") == identity_of(tmp_path / "a")
    assert identity_of(tmp_path / "a") != identity_of(tmp_path / "b")
