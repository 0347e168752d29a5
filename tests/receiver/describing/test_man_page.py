"""The manual page: what troff takes, with everything in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.cli import make_parser
from receiver.describing.commands import Command, Flag, described
from receiver.describing.man_page import man_page, paragraphs, term


def rendered(page: str, path: Path) -> str:
    """What a reader sees, on one line; fails if troff has anything to say."""
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    path.write_text(page)
    command = ["groff", "-man", "-Tutf8", "-ww", "-P-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    seen = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
    return re.sub(r"[\u2010-]\n\s+", "-", seen)


def test_everything_is_in_the_page(tmp_path: Path) -> None:
    program = described(make_parser())
    seen = " ".join(rendered(man_page(program, "1.2"), tmp_path / "cupola.1").split())
    for command in program.all():
        assert " ".join(command.words[1:]) in seen
        for flag in command.flags:
            assert all(name in seen for name in flag.names), flag
    assert "cupola 1.2" in seen and "EXIT STATUS" in seen


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\ntwo", ["one", "two"]),
        ("one\n\ntwo", ["one", ".PP", "two"]),
        (".hidden", ["\\&.hidden"]),
        ("'quoted", ["\\&'quoted"]),
        ("a-b\\n", ["a\\-b\\en"]),
        ("usage:\n  --flag", ["usage:", ".br", "\\-\\-flag"]),
        ("", []),
    ],
)
def test_text_is_no_request(text: str, lines: list[str]) -> None:
    assert paragraphs(text) == lines


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        (Flag(("-h", "--help"), ""), "\\fB\\-h\\fR, \\fB\\-\\-help\\fR"),
        (Flag(("--a",), "", "N"), "\\fB\\-\\-a\\fR=\\fIN\\fR"),
        (Flag(("--a",), "", "N", value_is_optional=True), "\\fB\\-\\-a\\fR[=\\fIN\\fR]"),
        (Flag((), "", "FILE"), "\\fIFILE\\fR"),
    ],
)
def test_terms(flag: Flag, text: str) -> None:
    assert term(flag) == text


def test_a_command_lists_those_below_it() -> None:
    verbs = tuple(Command(("t", "c", name), "", "", ()) for name in ("on", "off"))
    command = Command(("t", "c"), "", "", (), (), verbs)
    page = man_page(Command(("t",), "", "", (), (), (command,)), "")
    assert "\\fBon\\fR|\\fBoff\\fR" in page and ".SS c off" in page
