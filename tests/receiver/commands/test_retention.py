"""`cupola retention --dry-run` says what the server would do, and does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.cli import main
from storage.options import DAY_MS
from storage.policy import Policy
from storage.shard.shard import now_ms
from tests.makers.databases import opened, seal, series, write
from tests.makers.downsampling.databases import downsample

LIMITS = """
overrides:
  short: {compactor_blocks_retention_period: 2d}
  ruled: {retention_rules: [{match: 'up{i="1"}', period: 2d}]}
"""


def show(directory: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    (directory / "limits.yml").write_text(LIMITS)
    config = directory / "cupola.yml"
    settings = [f"storage.path: {directory}", f"limits.file: {directory}/limits.yml", *more]
    config.write_text("\n".join(settings))
    assert main(["retention", "--dry-run", f"--config={config}"]) == 0
    return capsys.readouterr().out.splitlines()


def test_what_would_go_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = now_ms()
    with opened(tmp_path, policy=Policy(clock=lambda: 0)) as database:
        for days in (20, 5, 0):
            for tenant in ("short", "ruled", "plain"):
                for i in "12":
                    points = [(now - days * DAY_MS - t, 1.0) for t in range(10, 0, -1)]
                    write(database, [series("up", points, i=i)], tenant=tenant)
            seal(database)
        segments = [s.ulid for s in database._shards[0].view().segments]
        lines = show(tmp_path, capsys)
        assert len(segments) == len(database._shards[0].view().segments)
        rows = [line.split(maxsplit=6) for line in lines[1:-1]]
        assert [(row[0], row[3], row[5], row[6]) for row in rows] == [
            (segments[0], "60", "(all)", "age"),
            (segments[1], "20", "short", "{}"),
            (segments[1], "10", "ruled", "{i='1', __name__='up'}"),
        ]
        assert lines[-1].startswith("3 lines, ")
        rows = [line.split() for line in show(tmp_path, capsys, "storage.retention-size: 1")[1:-1]]
        assert [row[0] for row in rows if row[6] == "size"] == segments[1:]


BY_RESOLUTION = """
overrides:
  short: {retention_5m: 3d}
  ruled: {retention_rules: [{match: 'up{i="1"}', period: 3d, resolution: 5m}]}
"""


def test_windows_that_would_be_hidden_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.receiver.commands.test_retention.LIMITS", BY_RESOLUTION)
    now = now_ms()
    with opened(tmp_path, policy=Policy(clock=lambda: 0)) as database:
        for tenant in ("short", "ruled", "plain"):
            for i in "12":
                points = [(now - 10 * DAY_MS - t, 1.0) for t in range(10, 0, -1)]
                write(database, [series("up", points, i=i)], tenant=tenant)
        seal(database)
        assert "downsample 300" in downsample(database)
        lines = show(tmp_path, capsys)
    rows = [line.split(maxsplit=6) for line in lines[1:-1]]
    assert [(row[1], row[3], row[4], row[5], row[6]) for row in rows] == [
        ("5m", "2", "0", "short", "{} (hidden only)"),
        ("5m", "1", "0", "ruled", "{i='1', __name__='up'} (hidden only)"),
    ]


def test_without_dry_run_it_says_who_does_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retention"]) == 2
    assert "the server does this by itself" in capsys.readouterr().err


def test_a_directory_without_data_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cupola.yml"
    config.write_text(f"storage.path: {tmp_path}/nothing")
    assert main(["retention", "--dry-run", f"--config={config}"]) == 1
    assert "cannot read the catalog" in capsys.readouterr().err
