"""Queries on directories that are only read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.answers.accept import Form
from api.answers.chosen import encode_result
from receiver import looking
from receiver.querying import local
from receiver.querying.local import evaluate
from receiver.querying.question import INSTANT, RANGE, QueryFailed, Question
from receiver.settings.config import Config, ConfigError, build
from storage.errors import FormatError
from storage.read_only import ReadOnlyDatabase
from tests.makers.databases import opened, seal, series, write

START_MS = 1_793_527_200_000
POINTS = [(START_MS + 15_000 * k, float(k)) for k in range(40)]
WHOLE = {"start": "1793527200", "end": "1793527785", "step": "15"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sealed and recent samples of a pair of replicas, and of two tenants."""
    with opened(tmp_path / "data") as database:
        for some in (POINTS[:20], POINTS[20:]):
            pair = [series("up", some, job="a", replica=name) for name in "xy"]
            write(database, [*pair, series("m", some)])
            write(database, [series("up", some, job="b")], tenant="u")
            if some == POINTS[:20]:
                seal(database)
    return tmp_path / "data"


def config(path: Path, **more: object) -> Config:
    base = {"storage.path": str(path), "storage.retention": "0"}
    return build(base | {"dedup.replica-labels": "replica"} | more)


def asked(path: Path, endpoint: str = INSTANT, tenant: str = "t", **params: Any) -> Any:
    """The result in the answer."""
    given = {"time": "1793527785"} if endpoint == INSTANT else {}
    result, _ = evaluate(config(path), Question(endpoint, given | params, tenant))
    return json.loads(b"".join(encode_result(Form.JSON, result)))["data"]["result"]


def test_instant_and_range(data: Path) -> None:
    found = asked(data, query="up")
    assert found == [{"metric": {"__name__": "up", "job": "a"}, "value": [1793527785, "39"]}]
    times = WHOLE | {"step": "195"}
    (found,) = asked(data, RANGE, query="rate(m[1m]) * 15", **times)
    assert [time for time, _ in found["values"]] == [1793527395, 1793527590, 1793527785]
    assert [float(value) for _, value in found["values"]] == pytest.approx([1.0] * 3)
    assert asked(data, query="1 + 1") == [1793527785, "2"]


def test_a_resolution_is_handed_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is downsampled, samples are read as they are."""
    asked_for: list[int] = []
    real = local.Engine.range_query

    def noted(engine: Any, *arguments: Any, resolution_ms: int, **more: Any) -> Any:
        asked_for.append(resolution_ms)
        return real(engine, *arguments, resolution_ms=resolution_ms, **more)

    monkeypatch.setattr(local.Engine, "range_query", noted)
    for text in ("", "5m", "auto"):
        times = WHOLE | {"max_source_resolution": text, "step": "100"}
        (found,) = asked(data, RANGE, query="m", **times)
        assert len(found["values"]) == 6
    assert asked_for == [0, 300_000, 20_000]


def test_replicas_tenants_and_lookback(data: Path) -> None:
    assert len(asked(data, query="up", dedup="false")) == 2
    assert len(asked(data, query="up", **{"replicaLabels[]": ["none"]})) == 2
    found = asked(data, query="sum by (__tenant_id__) (up)", tenant="t|u")
    assert [one["metric"] for one in found] == [{"__tenant_id__": "t"}, {"__tenant_id__": "u"}]
    assert asked(data, query="up", tenant="nobody") == []
    late = {"time": "1793527885"}
    assert len(asked(data, query="m", **late)) == 1
    assert asked(data, query="m", lookback_delta="90s", **late) == []


@pytest.mark.parametrize(
    ("params", "kind", "text"),
    [
        ({"query": "up{"}, "bad_data", 'invalid parameter "query": 1:4: parse error: unexpected'),
        ({"query": "up", "time": "x"}, "bad_data", "invalid time value for 'time'"),
        ({"query": "up", "dedup": "x"}, "bad_data", "allowed are"),
        ({"query": "up", "max_source_resolution": "x"}, "bad_data", '"max_source_resolution"'),
        (
            {"query": "label_replace(up, 'replica', 'x', '', '.*')"},
            "execution",
            "labelset",
        ),
        ({"query": "up"} | {"timeout": "-1"}, "timeout", "timed out"),
    ],
)
def test_errors_are_those_of_the_api(
    params: dict[str, str], kind: str, text: str, data: Path
) -> None:
    with pytest.raises(QueryFailed) as caught:
        asked(data, **{"dedup": "false", **params})
    assert (caught.value.kind, text in caught.value.text) == (kind, True), caught.value


def test_a_bad_tenant_and_bad_settings(data: Path) -> None:
    with pytest.raises(QueryFailed, match="tenant"):
        asked(data, query="up", tenant="a/b")
    with pytest.raises(ConfigError, match="feature"):
        evaluate(config(data, **{"enable-feature": "nothing"}), Question(INSTANT, {"query": "up"}))
    with pytest.raises(FormatError, match="no data directory"):
        asked(data / "none", query="up")


def test_segments_that_a_server_replaced_meanwhile(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is done again on what is there then; a segment that is gone for good is an error."""
    (segment,) = data.glob("shards/*/segments/*")
    aside, opens = data.parent / segment.name, []

    class Racing(ReadOnlyDatabase):
        """The first one is of a moment that is past when its samples are read."""

        def querier(self, *arguments: Any, **more: Any) -> Any:
            found = super().querier(*arguments, **more)
            opens.append(self)
            if len(opens) == 1:
                shutil.move(segment, aside)
            return found

        def is_current(self) -> bool:
            shutil.move(aside, segment)
            return False

    monkeypatch.setattr(looking, "ReadOnlyDatabase", Racing)
    (found,) = asked(data, RANGE, query="m", **WHOLE)
    assert len(found["values"]) == 40
    assert len(opens) == 2
    monkeypatch.setattr(looking, "ReadOnlyDatabase", ReadOnlyDatabase)
    shutil.rmtree(segment)
    with pytest.raises(FormatError):
        asked(data, RANGE, query="m", **WHOLE)
