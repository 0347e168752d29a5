"""The form of log lines."""

import json
import logging
import sys

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from receiver.logs import JsonFormatter, LogfmtFormatter, set_up_logging
from storage.traces import TRACE, Trace


def record(text: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("storage.wal", logging.WARNING, "f", 1, text, arguments, info)
    made.created, made.msecs = 1_700_000_000.25, 250
    return made


HEAD = "ts=2023-11-14T22:13:20.250Z level=warning logger=storage.wal "


@pytest.mark.parametrize(
    ("text", "arguments", "line"),
    [
        ("log file opened shard=%d", (3,), 'msg="log file opened" shard=3'),
        (
            "write failed tenant=%s error=%r",
            ("a", "b c"),
            "msg=\"write failed\" tenant=a error='b c'",
        ),
        ("stopping", (), 'msg="stopping"'),
        ('say "x"', (), 'msg="say \\"x\\""'),
        ("two\nlines a=%s", ("x\ny",), 'msg="two\\nlines" a=x\\ny'),
        ("x a=%s", ("\x1b[31m\u2028",), 'msg="x" a=\\x1b[31m\\u2028'),
    ],
)
def test_logfmt(text: str, arguments: tuple[object, ...], line: str) -> None:
    assert LogfmtFormatter().format(record(text, *arguments)) == HEAD + line


@pytest.mark.parametrize("formatter", [LogfmtFormatter(2), JsonFormatter(2)])
def test_the_trace_of_the_request_is_named(formatter: logging.Formatter) -> None:
    token = TRACE.set(Trace("ab" * 16))
    try:
        line = formatter.format(record("failed"))
    finally:
        TRACE.reset(token)
    if line.startswith("{"):
        assert json.loads(line)["trace_id"] == "ab" * 16
    else:
        assert f" process=2 trace_id={'ab' * 16} msg=" in line
    assert "trace_id" not in formatter.format(record("failed"))


def test_json() -> None:
    assert json.loads(JsonFormatter().format(record("opened shard=%d", 3))) == {
        "ts": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "storage.wal",
        "msg": "opened shard=3",
    }


@pytest.mark.parametrize("formatter", [LogfmtFormatter(), JsonFormatter()])
def test_an_exception_stays_on_its_line(formatter: logging.Formatter) -> None:
    line = formatter.format(record("failed", error=ValueError("why\nso")))
    assert len(line.splitlines()) == 1
    assert "ValueError: why" in line


def test_messages_go_to_standard_error_from_their_level_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    set_up_logging("warning", "logfmt")
    logging.getLogger("x").info("unheard")
    logging.getLogger("x").warning("heard")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'msg="heard"' in captured.err
    assert "unheard" not in captured.err
    assert sys.stderr is not None


@pytest.mark.parametrize(
    ("error", "heard"), [(BadHttpMessage("nonsense"), False), (ValueError("a bug"), True)]
)
def test_bytes_that_are_no_http_are_not_logged(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    heard: bool,
) -> None:
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(server, "filters", list(server.filters))
    set_up_logging("warning", "logfmt")
    server.error("Error handling request", exc_info=error)
    assert ("Error handling request" in capsys.readouterr().err) is heard
