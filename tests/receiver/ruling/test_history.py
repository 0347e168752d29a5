"""`cupola rules history` and `undo` against a server, as a process would be run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.cli import main
from tests.makers.real_api import RealApi, ServedProgram

GROUP = "name: {name}\ninterval: {interval}\nrules:\n- record: r\n  expr: up\n"


async def fill(api: RealApi) -> None:
    for name, interval in (("a", "1m"), ("a", "30s"), ("b", "1m")):
        body = GROUP.format(name=name, interval=interval)
        headers = {"X-Scope-OrgID": "t"}
        async with api.client.post("/config/v1/rules/ns", data=body, headers=headers) as response:
            assert response.status == 202


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with ServedProgram({"storage.path": str(tmp_path), "storage.shards": "1"}, fill) as program:
        yield f"http://127.0.0.1:{program.port}"


def test_changes_are_listed_shown_and_undone(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["rules", *arguments, f"--url={url}", "--tenant=t"])
        return code, *capsys.readouterr()

    code, out, _ = run("history")
    assert code == 0
    header, *rows = [line.split() for line in out.splitlines()]
    assert header == ["change", "time", "author", "action", "namespace", "group", "undoes"]
    assert [(row[0], *row[2:]) for row in rows] == [
        ("3", "-", "created", "ns", "b"),
        ("2", "-", "changed", "ns", "a"),
        ("1", "-", "created", "ns", "a"),
    ]
    _, out, _ = run("history", "--group=a", "--diff")
    assert "    -interval: 1m\n    +interval: 30s\n" in out
    _, out, _ = run("history", "--format=json", "--limit=1", "--before=3", "--namespace=ns")
    assert [change["change"] for change in json.loads(out)] == [2]
    code, _, err = run("undo", "1")
    assert (code, "was changed again by change 2" in err) == (1, True)
    code, out, _ = run("undo", "1", "--force")
    number, _, *rest = out.splitlines()[1].split()
    assert (code, number, rest) == (0, "4", ["-", "deleted", "ns", "a", "1"])
    assert main(["rules", "undo", "1", f"--url={url}", "--tenant=other"]) == 1


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--url=ftp://x"], "allowed is http:// or https://"),
        (["--url-header=x"], "--url-header: got 'x'; allowed is NAME:VALUE"),
        (["--url=http://127.0.0.1:1"], "canceled: "),
    ],
)
def test_what_cannot_be_asked_is_an_error(
    flags: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "history", *flags]) == 1
    assert text in capsys.readouterr().err
