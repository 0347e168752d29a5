"""The commands and flags of a parser, as plain data."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag by all its names, or a positional argument, which has none.

    metavar: what stands for its value, "" if it takes none; value_is_optional: whether the flag may
    stand without it.
    """

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    value_is_optional: bool = False
    repeats: bool = False

    @property
    def is_file(self) -> bool:
        """Whether a value is the name of a file, as far as can be seen."""
        return not self.choices and any(
            word in self.metavar.upper() for word in ("FILE", "DIR", "PATH", "SNAPSHOT", "TEXT")
        )


@dataclass(frozen=True, slots=True)
class Command:
    """One command or verb: words are what is typed, the program's name first."""

    words: tuple[str, ...]
    help: str
    description: str
    flags: tuple[Flag, ...]
    arguments: tuple[Flag, ...] = ()
    commands: tuple["Command", ...] = field(default=())

    @property
    def name(self) -> str:
        return self.words[-1]

    def all(self) -> Iterator["Command"]:
        """This one and all below it, in the order in which they are declared."""
        yield self
        for command in self.commands:
            yield from command.all()


def described(parser: argparse.ArgumentParser, help: str = "") -> Command:
    """The command of a parser, with all below it."""
    words = tuple(parser.prog.split())
    flags, arguments, commands = [], [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            commands += [described(p, helps.get(name, "")) for name, p in action.choices.items()]
        elif action.option_strings:
            flags.append(flag_of(action, parser))
        else:
            arguments.append(flag_of(action, parser))
    return Command(
        words, help, parser.description or "", tuple(flags), tuple(arguments), tuple(commands)
    )


def flag_of(action: argparse.Action, parser: argparse.ArgumentParser) -> Flag:
    takes_value = action.nargs != 0
    choices = tuple(map(str, action.choices or ()))
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    # Of a setting, choices are checked by its kind, and only named to the parser.
    if "|" in metavar:
        choices = choices or tuple(metavar.split("|"))
    return Flag(
        tuple(action.option_strings),
        formatted(action, parser),
        metavar if takes_value else "",
        choices if takes_value else (),
        action.nargs == "?",
        action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )


def formatted(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """The help of an action, with what stands in it for others filled in."""
    text = action.help or ""
    return " ".join((text % (vars(action) | {"prog": parser.prog})).split())
