"""Of what peers hold, everything counts but what only speeds up a start."""

from pathlib import Path

from disk_peers import bytes_of


def test_caches_do_not_count(tmp_path: Path) -> None:
    for name, size in (("data/small/a", 3), ("indexdb/b", 5), ("cache/c", 7), ("d", 11)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    assert bytes_of(tmp_path) == 3 + 5 + 11
    assert bytes_of(tmp_path / "nothing") == 0
