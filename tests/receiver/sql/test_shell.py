"""The shell: where statements end, and that an error ends one only."""

from __future__ import annotations

import io
from collections.abc import Callable

import duckdb
import pytest

from receiver.sql import shell
from receiver.sql.shell import CONTINUED, PROMPT, run_shell, run_statements, statements
from storage.sql.session import Session


def reader(*lines: str | type[BaseException]) -> tuple[Callable[[str], str], list[str]]:
    waiting, prompts = list(lines), []

    def read(prompt: str) -> str:
        prompts.append(prompt)
        if not waiting:
            raise EOFError
        line = waiting.pop(0)
        if isinstance(line, str):
            return line
        raise line

    return read, prompts


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (["SELECT 1;", "SELECT", "2;"], ["SELECT 1;", "SELECT\n2;"]),
        (["", "SELECT 1"], ["SELECT 1"]),
        (["SELECT 1;", ".quit", "SELECT 2;"], ["SELECT 1;"]),
        (["SELECT", KeyboardInterrupt, "SELECT 2;"], ["SELECT 2;"]),
        ([".help", "SELECT 1;"], ["SELECT 1;"]),
    ],
)
def test_statements(lines: list[str | type[BaseException]], texts: list[str]) -> None:
    read, _ = reader(*lines)
    assert list(statements(read)) == texts


def test_prompts() -> None:
    read, prompts = reader("a", "b;", "c")
    assert list(statements(read)) == ["a\nb;", "c"]
    assert prompts == [PROMPT, CONTINUED, PROMPT, CONTINUED]


def session_of(connection: duckdb.DuckDBPyConnection) -> Session:
    """One without any views."""
    session = Session.__new__(Session)
    session.connection = connection
    return session


def test_an_error_ends_its_statement_only(monkeypatch: pytest.MonkeyPatch) -> None:
    read, _ = reader("SELECT nothing;", "CREATE TABLE a (b INT); SELECT 1 AS x;", "FROM a;")
    monkeypatch.setattr(shell, "prompt_line", read)
    out = io.StringIO()
    with duckdb.connect() as connection:
        run_shell(session_of(connection), "csv", out)
    lines = out.getvalue().splitlines()
    assert "Binder Error" in lines[0]
    assert lines[-3:] == ["x", "1", "b"]


def test_several_statements_at_once() -> None:
    out = io.StringIO()
    with duckdb.connect() as connection:
        run_statements(session_of(connection), "SELECT 1 AS a; SELECT 2 AS b", "csv", out)
        with pytest.raises(duckdb.Error):
            run_statements(session_of(connection), "SELECT", "csv", out)
    assert out.getvalue() == "a\n1\nb\n2\n"
