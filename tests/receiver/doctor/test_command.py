"""`cupola doctor`: what it prints, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.doctor.findings import as_text, failure, ok


def arguments(tmp_path: Path) -> list[str]:
    return ["doctor", f"--storage.path={tmp_path}", "--web.listen-address=127.0.0.1:0"]


def test_everything_has_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments(tmp_path), "--format=json"]) in (0, 1)
    subjects = {found["subject"] for found in json.loads(capsys.readouterr().out)}
    wanted = {"version", "configuration", "clock", "processors", "memory", "open files", "address"}
    assert wanted | {"data directory", "disk space", "file system", "kernels"} <= subjects


def test_a_failure_is_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "cupola.yml"
    config.write_text("no.such.setting: 1\n")
    assert main([*arguments(tmp_path), f"--config={config}"]) == 1
    assert "no.such.setting" in capsys.readouterr().out


def test_what_to_do_stands_below() -> None:
    text = as_text([ok("clock", "right"), failure("disk", "full", "make room")])
    assert text.splitlines() == [
        "ok       clock          right",
        "failure  disk           full",
        "                        make room",
    ]
