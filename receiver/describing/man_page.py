"""The manual page cupola(1), in troff, made from the command line."""

import re

from receiver.describing.commands import Command, Flag

EXIT_STATUS = (
    ("0", "All went well."),
    ("1", "It did not; what was wrong is printed or logged."),
    ("2", "The command line or the configuration is wrong."),
)
FILES = (
    ("./data", "The data directory, unless --storage.path names another one."),
    (
        "~/.cache/cupola",
        "Compiled kernels, where they cannot be kept beside the program. XDG_CACHE_HOME and "
        "NUMBA_CACHE_DIR name other places.",
    ),
)
SIGNALS = (
    ("SIGTERM, SIGINT", "Finish the requests under way, close the log and end with status 0."),
    ("SIGHUP", "Read the files again that can be reloaded: limits, users, certificates, rules."),
)


def man_page(program: Command, version: str) -> str:
    """The page of a program and all of its commands."""
    lines = [
        # Hyphens are what people copy from examples: they have to stay what they are.
        f'.TH {program.name.upper()} 1 "" "{escaped(program.name)} {escaped(version)}"',
        # Ragged on the right: long flags leave nothing to stretch.
        ".ad l",
        ".SH NAME",
        f"{program.name} \\- a Prometheus remote\\-write receiver with a global view",
        ".SH SYNOPSIS",
    ]
    for command in program.commands:
        lines += [f".B {escaped(' '.join(command.words))}", synopsis(command), ".br"]
    lines += [".SH DESCRIPTION", *paragraphs(program.description)]
    lines += [
        "Settings are flags of the same name, or keys of the file that",
        ".B \\-\\-config",
        "names; flags win.",
        ".SH OPTIONS",
    ]
    for flag in program.flags:
        lines += described(flag)
    lines.append(".SH COMMANDS")
    for command in program.commands:
        for part in command.all():
            lines += section(part)
    for title, rows in (("SIGNALS", SIGNALS), ("EXIT STATUS", EXIT_STATUS), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for term, text in rows:
            lines += [".TP", f".B {escaped(term)}", *paragraphs(text)]
    lines += [".SH SEE ALSO", ".BR prometheus (1),", ".BR promtool (1)"]
    return "\n".join(lines) + "\n"


def section(command: Command) -> list[str]:
    """What is said of one command."""
    lines = [f".SS {escaped(' '.join(command.words[1:]))}", *paragraphs(command.help.capitalize())]
    if command.description:
        lines += [".PP", *paragraphs(command.description)]
    for flag in (*command.arguments, *command.flags):
        lines += described(flag)
    return lines


def described(flag: Flag) -> list[str]:
    return [".TP", term(flag), *(paragraphs(flag.help) or ["\\&"])]


def term(flag: Flag) -> str:
    value = f"\\fI{escaped(flag.metavar)}\\fR"
    if not flag.names:
        return value
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in flag.names)
    if not flag.metavar:
        return names
    return f"{names}[={value}]" if flag.value_is_optional else f"{names}={value}"


def synopsis(command: Command) -> str:
    words = ["[\\fIflags\\fR]"]
    words += [f"\\fI{escaped(a.metavar)}\\fR" for a in command.arguments]
    if command.commands:
        words.append("|".join(f"\\fB{escaped(c.name)}\\fR" for c in command.commands))
    return " ".join(words)


def paragraphs(text: str) -> list[str]:
    """Text as lines of troff: a blank line begins a paragraph, an indented one stays a line."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if lines:
            lines.append(".PP")
        for line in block.splitlines():
            lines += [".br"] if line.startswith(" ") and lines else []
            lines.append(guarded(escaped(line.strip())))
    return [line for line in lines if line]


def escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def guarded(line: str) -> str:
    """A line that troff does not take for a request."""
    return f"\\&{line}" if line.startswith((".", "'")) else line
