"""JSON lines of VictoriaMetrics."""

from __future__ import annotations

import math
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from compose.processes import Server, free_ports
from receiver.importing.errors import SourceError
from receiver.importing.json_lines import JsonLinesSource
from receiver.importing.parts import ALWAYS, Report, Span
from tests.makers.imports import found_in, imported, parts_of

LINES = """\
{"metric":{"__name__":"m","a":"é\\n"},"values":[1,2.5,-3e9],"timestamps":[1000,2000,3000]}

{"metric":{"__name__":"n","empty":""},"values":[1],"timestamps":[1]}
{"metric":{"__name__":"o"},"values":[],"timestamps":[]}
"""
M = (("__name__", "m"), ("a", "é\n"))
N = (("__name__", "n"),)


def source(tmp_path: Path, text: str, span: Span = ALWAYS) -> JsonLinesSource:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    return JsonLinesSource(path, Report(), span)


def test_lines(tmp_path: Path) -> None:
    parts = parts_of(source(tmp_path, LINES))
    assert found_in(parts) == {
        M: [(1000, 1.0), (2000, 2.5), (3000, -3e9)], N: [(1, 1.0)], (("__name__", "o"),): [],
    }  # fmt: skip
    assert parts[-1].position == len(LINES.encode())
    assert parts_of(source(tmp_path, LINES), {"a.jsonl": parts[-1].position}) == []
    cut = found_in(parts_of(source(tmp_path, LINES, Span(1500, 2500))))
    assert cut[M] == [(2000, 2.5)]


def test_values_that_json_does_not_know(tmp_path: Path) -> None:
    line = '{"metric":{"__name__":"m"},"values":[null,"Infinity","-Infinity",1],'
    (part,) = parts_of(source(tmp_path, line + '"timestamps":[1,2,3,4]}'))
    assert part.columns is not None
    values = part.columns.samples.values
    assert values.view(np.uint64)[0] == 0x7FF8000000000001
    assert values[1:].tolist() == [math.inf, -math.inf, 1.0]
    (part,) = parts_of(source(tmp_path, line.replace('"Infinity","-Infinity",', "")
                              + '"timestamps":[1,2]}'))  # fmt: skip
    assert part.columns is not None
    assert part.columns.samples.values.view(np.uint64)[0] == 0x7FF8000000000001


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"metric":{},"values":[1]}',
        '{"metric":{},"values":[1],"timestamps":[1,2]}',
        '{"metric":{},"values":[[1]],"timestamps":[[1]]}',
        '{"metric":{},"values":[1],"timestamps":[1.5]}',
        '{"metric":{},"values":["x"],"timestamps":[1]}',
        '{"metric":{},"values":[true,"x"],"timestamps":[1,2]}',
        '{"metric":{"a":1},"values":[1],"timestamps":[1]}',
        '{"metric":{},"values":[1],"timestamps":[99999999999999999999999]}',
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(SourceError, match="line 5: expected") as failed:
        parts_of(source(tmp_path, LINES + line + "\n"))
    assert "a.jsonl" in str(failed.value)


@pytest.mark.skipif(
    shutil.which("victoria-metrics") is None, reason="victoria-metrics is not installed"
)
def test_an_export_of_victoria_metrics(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    command = [
        "victoria-metrics", f"-httpListenAddr={address}", f"-storageDataPath={tmp_path}/vm",
        "-retentionPeriod=100y",
    ]  # fmt: skip
    base = f"http://{address}"
    server = Server("vm", command, url=base, ready="/health", log=tmp_path / "vm.log")
    with server.start():
        server.wait_ready()
        for path, body in (("import", LINES.encode()), ("export", None)):
            url = f"http://{address}/api/v1/{path}"
            if body is None:
                urllib.request.urlopen(f"http://{address}/internal/force_flush").close()
                url += "?match[]=%7B__name__!=%22%22%7D&reduce_mem_usage=1"
            with urllib.request.urlopen(url, data=body) as answer:
                exported = answer.read()
    (tmp_path / "a.jsonl").write_bytes(exported)
    found = imported(tmp_path / "data", str(tmp_path / "a.jsonl"))
    assert found[M] == [(1000, 1.0), (2000, 2.5), (3000, -3e9)]
