"""`cupola query`, on directories and asking servers."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from receiver.cli import main
from tests.makers.databases import opened, seal, series, write
from tests.makers.real_api import RealApi, run_real_api

ROOT = Path(__file__).parents[3]
START_MS = 1_793_527_200_000
POINTS = [(START_MS + 15_000 * k, float(k)) for k in range(40)]
TIMES = ["--start", "1793527200", "--end", "2026-11-01T10:09:45Z", "--step", "15s"]
AT = ["--time", "1793527785"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    with opened(path) as database:
        write(database, [series("m", POINTS[:20], replica=r) for r in "ab"], tenant="default")
        seal(database)
        write(database, [series("m", POINTS[20:], replica=r) for r in "ab"], tenant="default")
        write(database, [series("m", POINTS, job="u")], tenant="u")
    return path


def query(data: Path, *arguments: str) -> int:
    return main(["query", "--storage.path", str(data), *arguments])


def test_a_table(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(data, "m", *AT, "--dedup.replica-labels", "replica") == 0
    assert capsys.readouterr().out.splitlines() == [
        "time                      __name__  value",
        "------------------------  --------  -----",
        "2026-11-01T10:09:45.000Z  m         39",
        "(1 rows)",
    ]
    assert query(data, "m", *AT, "--tenant", "u", "--lookback", "1m") == 0
    assert "m         u    39" in capsys.readouterr().out
    assert query(data, "m", *AT, "--dedup=false", "--limit", "1") == 0
    captured = capsys.readouterr()
    assert "a        39" in captured.out
    assert "b        39" not in captured.out


def test_formats(data: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """All with the same 80 samples, of the log and of segments."""
    assert query(data, "m", *TIMES, "--format", "json") == 0
    found = json.loads(capfdbinary.readouterr().out)["data"]["result"]
    assert [len(one["values"]) for one in found] == [40, 40]
    assert query(data, "m", *TIMES, "--format", "csv") == 0
    lines = list(csv.reader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert lines[0] == ["time", "__name__", "replica", "value"]
    assert [line[3] for line in lines[1:]] == [str(k) for k in range(40)] * 2
    assert query(data, "m", *TIMES, "--format", "arrow") == 0
    table = pa.ipc.open_stream(capfdbinary.readouterr().out).read_all()
    assert table.column("value").to_pylist() == [float(k) for k in range(40)] * 2


def test_a_plot(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(data, "m", *TIMES, "--plot") == 0
    out = capsys.readouterr().out
    assert '━ m{replica="a"}' in out
    assert "2026-11-01 10:00Z" in out
    # An hour up to the end, and as many steps as are usual.
    assert query(data, "sum(m)", "--end", "1793527785", "--plot") == 0
    assert "2026-11-01 09:09Z" in capsys.readouterr().out


def test_notes_are_apart(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(data, "rate(m[1m])", *AT) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("info: PromQL info: metric might not be a counter")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["m{"], 1, 'query error: bad_data: invalid parameter "query": 1:3: parse error: '),
        (["m", "--time", "x"], 1, "query error: bad_data: invalid parameter"),
        (["m", "--start", "x"], 2, 'cupola: cannot parse "x" to a valid timestamp'),
        (["m", "--end", "5", "--start", "6"], 1, "end timestamp must not be before start time"),
        (["m", "--time", "5", "--step", "6"], 2, "--time is of an instant query"),
        (["m", "--plot", "--format", "csv"], 2, "--plot draws"),
        (["m", "--url", "http://localhost:1"], 2, "--url asks a server"),
        (["m", "--query.max-samples", "x"], 2, "query.max-samples: got 'x'"),
    ],
)
def test_errors(
    arguments: list[str], code: int, text: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert query(data, *arguments) == code
    assert text in capsys.readouterr().err


def test_no_directory_and_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert query(tmp_path, "m") == 1
    assert (
        capsys.readouterr().err == f"cupola: {tmp_path} is no data directory: it has no catalog\n"
    )
    assert main(["query", "--url", "ftp://a", "m"]) == 1
    assert capsys.readouterr().err.startswith("query error: bad_data: --url")
    with pytest.raises(SystemExit) as caught:
        main(["query"])
    assert caught.value.code == 2


def contents(directory: Path) -> dict[Path, bytes]:
    """All files but those by which the server itself goes on, beside its catalog."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths if "sqlite-" not in path.name}


def test_beside_a_running_server_and_asking_it(tmp_path: Path) -> None:
    """Another process sees what was acknowledged, and writes not a byte; asking the server says
    the same."""

    async def scenario(api: RealApi) -> None:
        await api.write(({"__name__": "m", "replica": "a"}, POINTS))
        flags = ["m", *TIMES, "--tenant", "t", "--format", "csv"]
        before = contents(tmp_path)
        local = await run("--storage.path", str(tmp_path), *flags)
        assert contents(tmp_path) == before
        url = str(api.client.make_url("/"))
        remote = await run("--url", url, *flags)
        assert local.count(b"\n") == 41
        # The server's own settings make replicas one.
        assert remote == local.replace(b",replica", b"").replace(b",m,a,", b",m,")
        for form in ("table", "json"):
            assert b"39" in await run("--url", url, *flags[:-1], form)
        assert b"\xe2\x94\x81 m" in await run("--url", url, *flags[:-2], "--plot")

    run_real_api(tmp_path, scenario, storage__compaction__enabled="false")


async def run(*arguments: str) -> bytes:
    """The output of the command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "receiver", "query", *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out
