"""`cupola snapshot`."""

from pathlib import Path

import pytest

from receiver.cli import main
from tests.makers.databases import opened, series, write
from tests.storage.test_snapshot import points_of


def test_a_snapshot_is_a_data_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, target = str(tmp_path / "data"), str(tmp_path / "copy")
    with opened(tmp_path / "data") as database:
        write(database, [series("a", [(1, 1.0)])])
        assert main(["snapshot", target, "--storage.path", data]) == 0
        assert main(["snapshot", target, "--storage.path", data]) == 1
    assert "exists already" in capsys.readouterr().err
    assert points_of(tmp_path / "copy") == [(1, 1.0)]
    assert main(["snapshot", target + "2", "--storage.path", "nowhere"]) == 1
