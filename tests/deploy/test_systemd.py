"""The unit of systemd: valid, hardened, and a command line that the program takes."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.cli import make_parser

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "cupola.service"
# Of 100; systemd calls less than 20 "OK", and an ordinary service has over 90.
EXPOSURE_MAX = 20


def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser["Service"]


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """With a program that is there: which one is no matter of the unit's syntax."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text().replace("/opt/cupola/bin/cupola", "/bin/true")
    copy.write_text(text.replace("Documentation=man:cupola(1)\n", ""))
    assert "cupola.service" not in analyze("verify", "--man=no", str(copy))


def test_the_service_is_hardened() -> None:
    analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(UNIT))


@pytest.mark.parametrize("key", ["ExecStart", "ExecStartPre"])
def test_the_program_takes_the_command(key: str) -> None:
    program, *arguments = shlex.split(service()[key])
    assert program == "/opt/cupola/bin/cupola"
    make_parser().parse_args(arguments)


def test_compiled_code_may_be_run() -> None:
    assert "MemoryDenyWriteExecute" not in service()
