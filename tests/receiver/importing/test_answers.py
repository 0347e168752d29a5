"""What was imported answers as Prometheus does: blocks of promtool, with real servers."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from receiver.cli import main

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="prometheus is not installed",
)
START = 1_700_000_000


def value(k: int, n: int, grows: int) -> float:
    return k * grows if grows else round(math.sin(k * n) * 50, 3)


# At no time is a sample at an end of a range, which older versions took in.
LINES = [
    f'{name}{{n="{n}",job="j"}} {value(k, n, grows)} {START + 15 * k}.1\n'
    for name, grows in (("c_total", 7), ("g", 0))
    for n in range(3)
    for k in range(n * 40, 700 - 60 * n)
]
QUERIES = [
    "c_total", "g offset 7m", "rate(c_total[5m])", "increase(c_total[1h])", "sum by (job) (g)",
    "max_over_time(g[10m])", "topk(1, g)", "count(c_total) without (n)", "deriv(g[9m])",
]  # fmt: skip


def prometheus(directory: Path, port: int) -> Server:
    (directory / "prometheus.yml").write_text("")
    command = [
        "prometheus", f"--config.file={directory}/prometheus.yml",
        f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=100y",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    return Server("prometheus", command, url=url, ready="/-/ready", log=directory / "p.log")


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with blocks in `tsdb`, and with copies in the layout of Thanos in `bucket`."""
    path = tmp_path_factory.mktemp("blocks")
    (path / "a.om").write_text("".join(LINES) + "# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "a.om", "tsdb"]
    subprocess.run(command, cwd=path, check=True, capture_output=True)
    shutil.copytree(path / "tsdb", path / "bucket")
    for meta in (path / "bucket").glob("*/meta.json"):
        about = json.loads(meta.read_text())
        about["thanos"] = {"labels": {"cluster": "x"}, "downsample": {"resolution": 0}}
        meta.write_text(json.dumps(about))
    return path


def answers(client: Client, query: str) -> list[tuple[Any, Any]]:
    result = client.get(
        "query_range", query=query, start=str(START), end=str(START + 10_500), step="47"
    )["result"]
    return [(row["metric"], row["values"]) for row in result]


def by_labels(rows: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row[0], sort_keys=True))


def test_answers_are_those_of_prometheus(
    blocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = free_ports(0, 0)
    with ExitStack() as stack:
        cupola = cupola_server(tmp_path, "--storage.retention=0", port=ports[0])
        for server in (cupola, prometheus(blocks, ports[1])):
            stack.enter_context(server.start())
            server.wait_ready()
        state = ("--state", str(tmp_path / "state.json"))
        to = ("--to", cupola.url, *state)
        assert main(["import", str(blocks / "tsdb"), *to, "--tenant", "edge"]) == 0
        assert main(["import", str(blocks / "bucket"), *to, "--tenant", "thanos"]) == 0
        reference = Client(f"http://127.0.0.1:{ports[1]}", "")
        for query in QUERIES:
            expected = answers(reference, query)
            assert expected
            assert by_labels(answers(Client(cupola.url, "edge"), query)) == by_labels(expected)
        found = answers(Client(cupola.url, "thanos"), 'g{cluster="x",n="1"}')
        expected = answers(reference, 'g{n="1"}')
    assert [values for _, values in found] == [values for _, values in expected]
    assert found[0][0] == expected[0][0] | {"cluster": "x"}
    assert f"imported {len(LINES):,} samples" in capsys.readouterr().out


def test_what_a_server_refuses_is_reported(
    blocks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (port,) = free_ports(0)
    cupola = cupola_server(tmp_path, port=port)
    with cupola.start():
        cupola.wait_ready()
        flags = ["--to", cupola.url, "--state", str(tmp_path / "state.json")]
        assert main(["import", str(blocks / "tsdb"), *flags]) == 1
    reported = capsys.readouterr().err
    assert "requests refused in whole or in part" in reported
    assert "storage.retention" in reported
