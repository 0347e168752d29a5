"""Provenance from HTTP to JSON, over the real storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.errors import BadData
from api.promql.errors import TooManySamples
from api.promql.features import ALL_FEATURES
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Result, Vector
from api.sources.provenance import check_plain, with_origins
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.fake_store import FakeStore
from tests.makers.real_api import RealApi, run_real_api

A, B = {"replica": "a"}, {"replica": "b"}


def up(replica: str, first: int, last: int, offset_ms: int) -> Any:
    """Scrapes each 15 s, the numbers first..last, each with its number as value."""
    points = [(i * 15_000 + offset_ms, float(i)) for i in range(first, last + 1)]
    return {"__name__": "up", "job": "x", "replica": replica}, points


async def fill(api: RealApi) -> None:
    await api.write(up("a", 0, 10, 0), up("b", 0, 30, 7_000))
    await api.write(({"__name__": "plain"}, [(450_000, 1.0)]))
    await api.write(({"__name__": "up", "job": "y", "replica": "b"}, [(450_000, 1.0)]))


def test_an_instant_vector(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await fill(api)
        rows = await api.query("(up)", time=460, provenance="true")
        told = {row["metric"]["job"]: row["replica"] for row in rows}
        assert told == {"x": B, "y": B}
        (row,) = await api.query('up{job="x"}', time=151, provenance="true")
        assert (row["replica"], row["value"]) == (A, [151, "10"])
        (row,) = await api.query('up{job="x"} offset 5m', time=451, provenance="1")
        assert row["replica"] == A
        (row,) = await api.query("plain", time=460, provenance="true")
        assert row["replica"] == {}
        (row,) = await api.query('up{job="y"}', time=460)
        assert "replica" not in row

    run_real_api(tmp_path, scenario)


def test_a_range_query_tells_the_replica_of_each_step(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await fill(api)
        times = {"start": 0, "end": 450, "step": 15}
        rows = await api.query('up{job=~"x|y"}', provenance="true", **times)
        assert [row["metric"]["job"] for row in rows] == ["x", "y"]
        x = rows[0]
        assert len(x["values"]) == len(x["replicas"]) == 31
        assert x["replicas"][:11] == [A] * 11
        assert x["replicas"][12:] == [B] * 19
        assert rows[1]["replicas"] == [B]
        (first,) = await api.query('up{job=~"x|y"}', provenance="true", limit=1, **times)
        assert first == x

    run_real_api(tmp_path, scenario)


@pytest.mark.parametrize("algorithm", ["auto", "penalty", "chain"])
def test_a_range_vector_tells_the_replica_of_each_sample(tmp_path: Path, algorithm: str) -> None:
    async def scenario(api: RealApi) -> None:
        await fill(api)
        query = {"time": 460, "provenance": "true", "dedup": algorithm}
        (row,) = await api.query('((up{job="x"}[10m]))', **query)
        for (seconds, value), replica in zip(row["values"], row["replicas"], strict=True):
            offset = round(seconds * 1_000) - int(value) * 15_000
            assert replica == (A if offset == 0 else B)

    run_real_api(tmp_path, scenario)


def test_other_expressions_have_no_provenance(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for query in ("sum(up)", "up + 1", "-up", "up[5m:1m]", "1", "rate(up[5m])", '"text"'):
            status, text = await api.get("query", query=query, provenance="true")
            assert status == 400
            assert text.startswith('invalid parameter "provenance": the query has to be a plain')
        status, text = await api.get("query", query="up{", provenance="true")
        assert (status, text.startswith('invalid parameter "query": 1:4')) == (400, True)

    run_real_api(tmp_path, scenario)


def test_several_tenants(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for tenant in ("t", "u", "v"):
            labels = {"__name__": "up", "replica": f"of {tenant}"}
            await api.write((labels, [(0, 1.0)]), tenant=tenant)
        rows = await api.query("up", tenant="t|u|v", time=1, provenance="true")
        told = {row["metric"]["__tenant_id__"]: row["replica"] for row in rows}
        assert told == {tenant: {"replica": f"of {tenant}"} for tenant in "tuv"}
        rows = await api.query("up[1m]", tenant="t|u", time=1, provenance="true")
        told = {row["metric"]["__tenant_id__"]: row["replicas"] for row in rows}
        assert told == {tenant: [{"replica": f"of {tenant}"}] for tenant in "tu"}

    run_real_api(tmp_path, scenario)


def test_the_limit_is_named() -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "1"}, {"a": "2"}])
    present = np.array([[True, True], [True, True]])
    result = Result(Vector(labels, np.zeros((2, 2)), present), np.arange(2), is_range=True)
    store = FakeStore()
    with pytest.raises(TooManySamples, match=r"4 samples.*at most 3 \(PROVENANCE_SAMPLES_MAX\)"):
        with_origins(store.tenant(), lambda querier: result, samples_max=3)


@pytest.mark.parametrize("text", ["up[5m] anchored", "up[5m] smoothed", "up smoothed"])
def test_extended_selectors_make_samples_up(text: str) -> None:
    with pytest.raises(BadData, match="plain selector"):
        check_plain(parse(text, ALL_FEATURES))
