"""Doomed directories are deleted once their time has come, and not before."""

from __future__ import annotations

from pathlib import Path

from storage.shard.doomed import DoomedFiles


def test_directories_go_after_the_grace_period(tmp_path: Path) -> None:
    first, second, gone = (tmp_path / name for name in "abc")
    for directory in (first, second):
        directory.mkdir()
        (directory / "file").write_text("x")
    doomed = DoomedFiles(grace_ms=100)
    doomed.add([first, gone], 1000)
    doomed.add([second], 1050)
    for now, left in [(1099, {"a", "b"}), (1100, {"b"}), (1149, {"b"}), (1150, set())]:
        doomed.delete_due(now)
        assert {path.name for path in tmp_path.iterdir()} == left
