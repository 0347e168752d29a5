"""`cupola rules replay` on data directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from receiver.cli import main
from receiver.replaying import command
from storage.labels.matchers import Matcher
from tests.makers.databases import key, opened, read, seal, series, write

START_S = 1_793_527_200
POINTS = [((START_S + 15 * k) * 1000, float(k // 40 % 2)) for k in range(240)]
RULES = """\
groups:
- name: g
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {by: rule}
  - alert: Up
    expr: job:up:sum > 0
    for: 2m
    annotations: {summary: '{{ $labels.job }} in {{ $externalLabels.region }}'}
"""
# Minutes at which up is 1 again; 0 up to then, for ten minutes each.
UP = [10, 30, 50]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with opened(tmp_path / "data") as database:
        write(database, [series("up", POINTS[:100], job="a")])
        seal(database)
        write(database, [series("up", POINTS[100:], job="a")])
    (tmp_path / "rules.yml").write_text(RULES)
    return tmp_path


def run(data: Path, *more: str, files: tuple[str, ...] = ("rules.yml",)) -> int:
    period = [f"--start={START_S}", f"--end={START_S + 3600}", f"--phase=g={START_S}"]
    where = [f"--storage.path={data / 'data'}", "--tenant=t", *period]
    return main(["rules", "replay", *(str(data / name) for name in files), *where, *more])


def test_a_report_for_people(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--external-label=region=eu") == 0
    out = capsys.readouterr().out
    assert "rules.yml; g: 61 evaluations every 1m from 2026-11-01T10:00:00Z on\n" in out
    assert "  record job:up:sum: 1 series, 61 samples\n" in out
    assert "      2026-11-01T10:12:00Z  firing    1\n          summary: a in eu\n" in out
    assert "1 alert: fired 3 times, for 25m in all, 2 flaps" in out
    assert "122 evaluations, 2 queries" in out


def test_a_report_for_programs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--format=json") == 0
    document = json.loads(capsys.readouterr().out)
    (alert,) = document["groups"][0]["rules"][1]["alerts"]
    firing = [change["time"] for change in alert["changes"] if change["state"] == "firing"]
    assert firing == [f"2026-11-01T10:{minute + 2}:00Z" for minute in UP]


def stored(data: Path, name: str) -> Any:
    with opened(data / "data") as database:
        return read(database, Matcher("__name__", "=", name))


def test_nothing_is_written_unless_it_is_wanted(data: Path) -> None:
    assert run(data) == 0
    assert stored(data, "job:up:sum") == {}


def test_what_was_recorded_is_written_and_again_gives_the_same(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(data, "--write") == 0
        assert "written: 61 samples" in capsys.readouterr().err
    minutes = [(START_S + 60 * k) * 1000 for k in range(61)]
    values = [float(k // 10 % 2) for k in range(60)] + [1.0]
    expected = list(zip(minutes, values, strict=True))
    recorded = {key("job:up:sum", job="a", by="rule"): expected}
    assert stored(data, "job:up:sum") == recorded
    assert stored(data, "ALERTS") == {}
    assert run(data, "--write-alerts") == 0
    firing = key("ALERTS", alertname="Up", alertstate="firing", by="rule", job="a")
    assert len(stored(data, "ALERTS")[firing]) == 25 + 2  # two of which are stale markers


def test_a_running_server_is_not_written_beside(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(data / "data"):
        assert run(data) == 0
        assert run(data, "--write") == 1
    assert "cupola: " in capsys.readouterr().err


def test_several_tenants_are_seen_together(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(data / "data") as database:
        write(database, [series("up", POINTS, job="b")], tenant="u")
    assert run(data, "--tenant=t|u", "--format=json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["groups"][0]["rules"][0]["series"] == 2


@pytest.mark.parametrize(
    ("flags", "code", "error"),
    [
        (["--start=x"], 2, 'cannot parse "x" to a valid timestamp'),
        (["--end=1"], 2, "end timestamp must not be before start time"),
        (["--tenant=a|b", "--write"], 2, "--write stores for one tenant"),
        (["--tenant=a/b"], 1, "tenant"),
        (["--enable-feature=nope"], 2, "nope"),
        (["--storage.path=/nowhere"], 1, "/nowhere"),
        (["--interval=1ms"], 1, "rules.replay.max-evaluations"),
    ],
)
def test_errors(
    data: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int, error: str
) -> None:
    assert run(data, *flags) == code
    assert error in capsys.readouterr().err


def test_all_that_is_wrong_with_files_is_said(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "bad.yml").write_text("groups:\n- name: a\n  rules: [{record: r, expr: 'sum('}]\n")
    (data / "worse.yml").write_text("groups: 5\n")
    assert run(data, files=("bad.yml", "rules.yml", "worse.yml")) == 1
    error = capsys.readouterr().err
    assert "bad.yml: " in error
    assert "worse.yml: " in error


def test_progress(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PROGRESS_SECONDS", 0.0)
    assert run(data) == 0
    assert capsys.readouterr().err == (
        "replayed 61 of 122 evaluations\nreplayed 122 of 122 evaluations\n"
    )
