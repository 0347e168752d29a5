"""Statements from a line or from a terminal, one after the other."""

import sys
from collections.abc import Callable, Iterator
from typing import IO

import duckdb

from receiver.sql.output import WRITERS, result_of
from storage.sql.session import Session

PROMPT, CONTINUED = "cupola> ", "     -> "
HELP = """\
Views: samples, histograms, exemplars, series, metadata, segments; DESCRIBE samples; shows columns.
A statement ends with a semicolon. .help shows this, .quit or Ctrl-D ends.
"""


def run_statements(session: Session, text: str, form: str, out: IO[str]) -> None:
    """Run all statements of a text and write their results. Raises duckdb.Error."""
    for statement in session.connection.extract_statements(text):
        has_result = duckdb.ExpectedResultType.QUERY_RESULT in statement.expected_result_type
        session.execute(statement)
        if has_result:
            WRITERS[form](result_of(session.connection), out)


def run_shell(session: Session, form: str, out: IO[str]) -> None:
    """Run what is typed until it ends. An error ends its statement only."""
    for text in statements(prompt_line):
        try:
            run_statements(session, text, form, out)
        except duckdb.Error as error:
            out.write(f"{error}\n")
        except KeyboardInterrupt:
            session.connection.interrupt()
            out.write("interrupted\n")


def prompt_line(prompt: str) -> str:
    return input(prompt) if sys.stdin.isatty() else read_line()


def read_line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def statements(read: Callable[[str], str]) -> Iterator[str]:
    """Texts of whole statements, until .quit or the end of what is read."""
    lines: list[str] = []
    while True:
        try:
            line = read(CONTINUED if lines else PROMPT)
        except EOFError:
            break
        except KeyboardInterrupt:
            lines = []
            continue
        if not lines and line.strip() in (".quit", ".exit"):
            return
        if not lines and line.strip() == ".help":
            sys.stdout.write(HELP)
            continue
        if line.strip() or lines:
            lines.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)
