"""The function for Python, and the examples of its page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from receiver.promql import QueryFailed, query
from receiver.settings.config import ConfigError
from storage.errors import StorageError
from tests.makers.databases import opened, seal, series, write

PAGE = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
START = datetime(2026, 11, 1, 10, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
POINTS = [(START_MS + 15_000 * k, float(k)) for k in range(40)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data")
    with opened(path) as database:
        pair = [series("http_requests_total", POINTS, job=j, replica=r) for j in "xy" for r in "ab"]
        write(database, pair, tenant="default")
        seal(database)
        write(database, [series("m", POINTS[:5])], tenant="u")
    return path


def test_at_one_time(data: Path) -> None:
    at = START + timedelta(seconds=300)
    table = query(data, 'http_requests_total{job="x"}', time=at, replica_labels=["replica"])
    assert table.to_pydict() == {
        "time": [at],
        "__name__": ["http_requests_total"],
        "job": ["x"],
        "value": [20.0],
    }
    assert query(str(data), "http_requests_total", time=at.timestamp(), dedup=False).num_rows == 4
    assert query(data, "m", time=START, tenant="u", lookback=1).column("value").to_pylist() == [0]
    assert query(data, "m", time=at, tenant="u", lookback=1).num_rows == 0
    assert query(data, "time()").num_rows == 1


def test_over_a_range(data: Path) -> None:
    expression = "sum by (job) (rate(http_requests_total[1m]))"
    table = query(
        data, expression, start=START + timedelta(minutes=2), end=START_MS / 1000 + 300, step=60,
        settings={"dedup.replica-labels": "replica"},
    )  # fmt: skip
    assert table.column("job").to_pylist() == ["x"] * 4 + ["y"] * 4
    assert table.column("value").to_pylist() == pytest.approx([1 / 15] * 8)
    assert table.schema.metadata[b"resultType"] == b"matrix"


def test_what_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryFailed, match="bad_data: .*parse error"):
        query(data, "m{")
    with pytest.raises(StorageError, match="no data directory"):
        query(tmp_path, "m")
    with pytest.raises(ConfigError, match="no such setting"):
        query(data, "m", settings={"nothing": 1})
    for times in ({"start": 1.0}, {"start": 1.0, "end": 2.0, "step": 1.0, "time": 3.0}):
        with pytest.raises(ValueError, match="a range has start, end and step"):
            query(data, "m", **times)
    with pytest.raises(ValueError, match="states no time zone"):
        query(data, "m", time=datetime(2026, 11, 1))


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("\n")[0][:40])
def test_examples_run(example: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As cells of a notebook; what they say about their last line is what it gives."""
    code = example.replace('"/var/lib/cupola"', repr(str(data)))
    names: dict[str, object] = {}
    exec(code, names)  # the page's own code
    wanted = re.findall(r"^# (.*)$", example, re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()
    assert printed == wanted
