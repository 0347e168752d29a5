"""The flags of `cupola import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.cli import main, make_parser
from receiver.importing.command import endpoint, parse_header, parse_time, read_endpoint, span_of
from receiver.importing.parts import Span


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--storage.path", "x"], 2, "name a SOURCE"),
        (["a"], 2, "name a directory by --storage.path, or --to URL"),
        (["a", "--to", "http://x", "--storage.path", "x"], 2, "exclude each other"),
        (["a", "--storage.path", "x", "--start", "tomorrow"], 2, "--start: got 'tomorrow'"),
        (["a", "--storage.path", "x", "--start", "2", "--end", "1"], 2, "is after --end"),
        (["a", "--storage.path", "x", "--storage.shards", "0"], 2, "storage.shards: got '0'"),
        (["--url", "http://x", "--storage.path", "x"], 2, "name a time by --start"),
        (["--url", "http://x", "--start", "1", "--match", "{", "--to", "http://x"], 2, "--match"),
        (["nothing-there", "--storage.path", "x"], 1, "nothing-there does not exist"),
        ([".", "--to", "localhost:9009"], 2, "--to: got 'localhost:9009'"),
        ([".", "--to", "http://x", "--header", "a"], 2, "--header: got 'a'"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "meta.json").write_text("{}")
    (tmp_path / "a" / "meta.json").write_text("{}")
    assert main(["import", *arguments]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_spans() -> None:
    options = make_parser().parse_args(
        ["import", "a", "--start", "2026-01-01T00:00:00Z", "--end", "1767225601.5"]
    )
    assert span_of(options) == Span(1767225600000, 1767225601500)
    assert span_of(make_parser().parse_args(["import", "a"])) == Span()


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [("0", 0), ("-1.5", -1500), ("1970-01-01T01:00:00+01:00", 0), ("1970-01-02", 86_400_000)],
)
def test_times(text: str, time_ms: int) -> None:
    assert parse_time(text, "--start") == time_ms


def test_addresses_and_headers() -> None:
    assert endpoint("http://h:1", "--to", "/x") == "http://h:1/x"
    assert endpoint("https://h/", "--to", "/x") == "https://h/x"
    assert endpoint("http://h/api/v1/push", "--to", "/x") == "http://h/api/v1/push"
    assert endpoint("http://h?a=b", "--to", "/x") == "http://h/x?a=b"
    assert read_endpoint("http://h/") == "http://h/api/v1/read?dedup=false"
    assert read_endpoint("http://h/a?b") == "http://h/a?b"
    assert parse_header("Authorization: Basic a:b") == ("Authorization", "Basic a:b")
