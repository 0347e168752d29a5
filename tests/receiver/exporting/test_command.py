"""`cupola export`: what was exported is what is imported again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import snappy

from receiver.cli import main
from receiver.importing.remote_read import STREAMED
from storage.tenants.tenant import DEFAULT_TENANT
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1
from tests.makers.bodies.v1 import HEADERS
from tests.makers.databases import opened, seal, series, write
from tests.makers.imports import imported
from tests.makers.real_api import RealApi, run_real_api
from tests.receiver.importing.test_remote_read import FRAMES, M, N, server

LINES = "".join(f'm{{n="{k % 4}"}} {k * 0.1} {k}\n' for k in range(100)) + "# EOF\n"


def export(*arguments: str) -> int:
    return main(["export", *arguments])


@pytest.mark.parametrize("form", ["jsonl", "openmetrics"])
def test_there_and_back(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.om").write_text(LINES)
    data, copy = tmp_path / "data", tmp_path / "copy"
    first = imported(data, str(tmp_path / "a.om"))
    path = str(tmp_path / f"out.{form}")
    flags = ["--storage.path", str(data), "--storage.retention", "0", "--match", "{}"]
    assert export(*flags, "--format", form, "-o", path) == 0
    assert "exported 100 samples" in capsys.readouterr().err
    assert imported(copy, path) == first
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["a.om", "data", "copy", f"out.{form}"]
    )


def test_a_server(tmp_path: Path) -> None:
    path = str(tmp_path / "out.jsonl")
    flags = ["--match", "{}", "--start", "1", "--end", "5", "--format", "jsonl", "-o", path]
    with server([(200, STREAMED, FRAMES)]) as (url, _):
        assert export("--url", url, *flags) == 0
    assert imported(tmp_path / "data", path) == {
        M: [(1000, 1.0), (2000, 2.0)], N: [(5000, 5.0)],
    }  # fmt: skip


REPLICAS = {
    (("__name__", "m"), ("replica", name)): [(k * 1000, k + by) for k in range(1, 300)]
    for name, by in (("a", 0.5), ("b", 0.25))
}
NATIVES = [
    WireHistogram(k * 1000, k, 1.5 * k, positive_spans=[(2, 1)], positive=[k]) for k in range(1, 4)
]


def test_a_running_cupola(tmp_path: Path) -> None:
    """Replicas are apart, series that several selectors match come once, histograms are whole."""
    lines, table = str(tmp_path / "out.jsonl"), str(tmp_path / "out.parquet")

    async def scenario(api: RealApi) -> None:
        await api.write(*((dict(labels), points) for labels, points in REPLICAS.items()))
        body = snappy.compress(body_v1([WireSeries({"__name__": "h"}, histograms=NATIVES)]))
        headers = HEADERS | {"X-Scope-OrgID": "t"}
        async with api.client.post("/api/v1/write", data=body, headers=headers) as answer:
            assert answer.status == 204
        flags = ["--url", str(api.client.make_url("/")), "--start", "0", "--end", "200"]
        flags += ["--tenant", "t", "--match", "m"]
        more = ["--match", '{replica="a"}', "--format", "jsonl", "-o", lines]
        assert await asyncio.to_thread(export, *flags, *more) == 0
        more = ["--match", "h", "--format", "parquet", "-o", table]
        assert await asyncio.to_thread(export, *flags, *more) == 0

    run_real_api(tmp_path / "served", scenario)
    wanted = {labels: points[:200] for labels, points in REPLICAS.items()}
    assert imported(tmp_path / "copy", lines) == wanted
    assert Path(lines).read_text().count('"timestamps"') == 2
    rows = [row for row in pq.read_table(table).to_pylist() if row["histogram"]]
    assert [dict(row["labels"]) for row in rows] == [{"__name__": "h"}] * 3
    assert [(r["histogram"]["count"], r["histogram"]["sum"]) for r in rows] == [
        (1, 1.5), (2, 3), (3, 4.5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "where to export from?"),
        (["--url", "http://x", "--storage.path", "x"], 2, "where to export from?"),
        (["--url", "http://x"], 2, "name a time by --start"),
        (["--url", "http://x", "--start", "1", "--url-header", "a"], 2, "--url-header: got 'a'"),
        (["--storage.path", "nowhere"], 2, "is no data directory"),
        (["--storage.path", ".", "--match", "{"], 2, "--match: got '{'"),
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
    flags = ["--match", "{}", "--format", "jsonl", "-o", "out"]
    assert export(*arguments, *flags) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is only read: what is sealed and what is in the log."""
    with opened(tmp_path / "data") as database:
        write(database, [series("a", [(1, 1.0)])], tenant=DEFAULT_TENANT)
        seal(database)
        write(database, [series("a", [(2, 2.0)])], tenant=DEFAULT_TENANT)
        flags = ["--match", "{}", "--format", "jsonl", "-o", str(tmp_path / "out")]
        kept = ["--storage.path", str(tmp_path / "data"), "--storage.retention", "0"]
        assert export(*kept, *flags) == 0
    assert "exported 2 samples" in capsys.readouterr().err
