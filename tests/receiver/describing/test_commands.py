"""The command line as data: every command, flag and choice of a parser."""

from __future__ import annotations

import argparse

import pytest

from receiver.cli import make_parser
from receiver.describing.commands import Command, described
from receiver.settings.config import settings


def example() -> Command:
    parser = argparse.ArgumentParser(prog="tool", description="A tool.")
    commands = parser.add_subparsers()
    paint = commands.add_parser("paint", help="paint a wall", description="Paints.")
    paint.add_argument("wall", metavar="FILE", help="which %(prog)s paints")
    paint.add_argument("-c", "--colour", choices=("red", "blue"), default="red", help="%(default)s")
    paint.add_argument("--mode", metavar="fast|slow")
    paint.add_argument("--dry", nargs="?", const="true", metavar="true|false")
    paint.add_argument("--label", action="append", metavar="TEXT")
    paint.add_argument("--quiet", action="store_true")
    return described(parser)


def test_commands_and_their_words() -> None:
    program = example()
    (paint,) = program.commands
    assert program.words == ("tool",) and paint.words == ("tool", "paint")
    assert (paint.help, paint.description) == ("paint a wall", "Paints.")
    assert [command.name for command in program.all()] == ["tool", "paint"]


@pytest.mark.parametrize(
    ("names", "metavar", "choices", "optional", "repeats", "is_file"),
    [
        (("-c", "--colour"), "COLOUR", ("red", "blue"), False, False, False),
        (("--mode",), "fast|slow", ("fast", "slow"), False, False, False),
        (("--dry",), "true|false", ("true", "false"), True, False, False),
        (("--label",), "TEXT", (), False, True, True),
        (("--quiet",), "", (), False, False, False),
    ],
)
def test_flags(
    names: tuple[str, ...],
    metavar: str,
    choices: tuple[str, ...],
    optional: bool,
    repeats: bool,
    is_file: bool,
) -> None:
    (flag,) = [f for f in example().commands[0].flags if f.names == names]
    assert (flag.metavar, flag.choices) == (metavar, choices)
    assert (flag.value_is_optional, flag.repeats, flag.is_file) == (optional, repeats, is_file)


def test_what_stands_in_a_help_text_is_filled_in() -> None:
    (paint,) = example().commands
    assert paint.arguments[0].help == "which tool paint paints"
    assert next(f for f in paint.flags if "--colour" in f.names).help == "red"


def test_the_program_has_every_setting_as_a_flag() -> None:
    serve = next(c for c in described(make_parser()).commands if c.name == "serve")
    names = {name for flag in serve.flags for name in flag.names}
    assert {f"--{name}" for name in settings()} <= names
