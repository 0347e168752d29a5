"""`cupola export`: what was exported is what is imported again."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.cli import main
from receiver.importing.remote_read import STREAMED
from tests.makers.imports import imported
from tests.receiver.importing.test_remote_read import FRAMES, M, N, server

LINES = "".join(f'm{{n="{k % 4}"}} {k * 0.1} {k}\n' for k in range(100)) + "# EOF\n"


def export(*arguments: str) -> int:
    return main(["export", *arguments])


@pytest.mark.parametrize("form", ["jsonl", "openmetrics"])
def test_there_and_back(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.om").write_text(LINES)
    data, copy = tmp_path / "data", tmp_path / "copy"
    first = imported(data, str(tmp_path / "a.om"))
    path = str(tmp_path / f"out.{form}")
    flags = ["--storage.path", str(data), "--storage.retention", "0", "--match", "{}"]
    assert export(*flags, "--format", form, "-o", path) == 0
    assert "exported 100 samples" in capsys.readouterr().err
    assert imported(copy, path) == first
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["a.om", "data", "copy", f"out.{form}"]
    )


def test_a_server(tmp_path: Path) -> None:
    path = str(tmp_path / "out.jsonl")
    flags = ["--match", "{}", "--start", "1", "--end", "5", "--format", "jsonl", "-o", path]
    with server([(200, STREAMED, FRAMES)]) as (url, _):
        assert export("--url", url, *flags) == 0
    assert imported(tmp_path / "data", path) == {
        M: [(1000, 1.0), (2000, 2.0)], N: [(5000, 5.0)],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "where to export from?"),
        (["--url", "http://x", "--storage.path", "x"], 2, "where to export from?"),
        (["--url", "http://x"], 2, "name a time by --start"),
        (["--storage.path", "nowhere"], 2, "is no data directory"),
        (["--storage.path", ".", "--match", "{"], 2, "--match: got '{'"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--match", "{}", "--format", "jsonl", "-o", "out"]
    assert export(*arguments, *flags) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.makers.databases import opened

    with opened(tmp_path):
        flags = ["--match", "{}", "--format", "jsonl", "-o", str(tmp_path / "out")]
        assert export("--storage.path", str(tmp_path), *flags) == 1
    assert "is in use by another process" in capsys.readouterr().err
