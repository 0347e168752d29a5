"""File names go to numbers and back; directories are made with their parents."""

from pathlib import Path

import pytest

from storage import files


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("00000001.log", 1),
        ("12345678.log", 12345678),
        ("123456789.log", 123456789),
        ("1.log", None),
        ("00000001.log.tmp", None),
        ("x0000001.log", None),
        ("00000001", None),
    ],
)
def test_log_file_number(name: str, number: int | None) -> None:
    assert files.log_file_number(name) == number
    if number is not None:
        assert files.log_file_name(number) == name


def test_layout() -> None:
    data = Path("/data")
    assert files.catalog_file(data) == Path("/data/catalog.sqlite")
    assert files.wal_directory(data, 3) == Path("/data/shards/0003/wal")
    assert files.segments_directory(data, 12) == Path("/data/shards/0012/segments")


def test_make_directory_is_repeatable(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    files.make_directory(path)
    files.make_directory(path)
    assert path.is_dir()


def test_sync_of_what_is_missing_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.sync_file(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        files.sync_directory(tmp_path / "none")
