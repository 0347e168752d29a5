"""Queriers by the request's wishes and the tenants' defaults; several tenants over real storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.params import ReplicaParams
from api.sources.queriers import QuerierSource, ReplicaDefaults
from storage.dedup.algorithm import Algorithm
from storage.read.federation import FederatedQuerier
from tests.makers.fake_store import FakeQuerier, FakeStore
from tests.makers.real_api import RealApi, run_real_api

DEFAULTS = ReplicaDefaults(
    labels=("replica",),
    algorithm=Algorithm.CHAIN,
    tenant_algorithms={"migrated": Algorithm.PENALTY},
)


@pytest.mark.parametrize(
    ("tenant", "wishes", "asked"),
    [
        ("t", ReplicaParams(True, None), (("replica",), True, Algorithm.CHAIN)),
        ("migrated", ReplicaParams(True, None), (("replica",), True, Algorithm.PENALTY)),
        ("migrated", ReplicaParams(False, None), (("replica",), False, Algorithm.PENALTY)),
        (
            "migrated",
            ReplicaParams(True, ("pod",), Algorithm.AUTO),
            (("pod",), True, Algorithm.AUTO),
        ),
    ],
)
def test_the_request_comes_before_the_tenant_before_the_server(
    tenant: str, wishes: ReplicaParams, asked: Any
) -> None:
    store = FakeStore()
    source = QuerierSource(store, DEFAULTS)
    assert isinstance(source.querier([tenant], wishes), FakeQuerier)
    assert store.asked == [(tenant, *asked)]


def test_several_tenants_have_their_own_defaults() -> None:
    store = FakeStore()
    querier = QuerierSource(store, DEFAULTS).querier(["migrated", "t"], ReplicaParams(True, None))
    assert isinstance(querier, FederatedQuerier)
    assert store.asked == [
        ("migrated", ("replica",), True, Algorithm.PENALTY),
        ("t", ("replica",), True, Algorithm.CHAIN),
    ]


async def fill(api: RealApi) -> None:
    """Requests of three tenants, one of them from a pair of replicas; they live on two shards."""
    for tenant, slope in (("a", 1.0), ("b", 2.0), ("c", 4.0)):
        for replica in "xy" if tenant == "b" else "x":
            labels = {"__name__": "requests_total", "job": f"job-{tenant}", "replica": replica}
            shared = {"__name__": "requests_total", "job": "shared", "replica": replica}
            points = [(i * 15_000, slope * 15 * i) for i in range(41)]
            await api.write((labels, points), (shared, points), tenant=tenant)


def test_one_query_over_several_tenants(tmp_path: Path) -> None:
    async def ask(api: RealApi, query: str, tenant: str = "a|b|c") -> dict[Any, float]:
        rows = await api.query(query, tenant=tenant, time=600)
        return {tuple(sorted(r["metric"].items())): round(float(r["value"][1]), 6) for r in rows}

    async def scenario(api: RealApi) -> None:
        await fill(api)
        rate = "rate(requests_total[5m])"
        assert await ask(api, f"sum by (job) ({rate})") == {
            (("job", "job-a"),): 1.0,
            (("job", "job-b"),): 2.0,
            (("job", "job-c"),): 4.0,
            (("job", "shared"),): 7.0,
        }
        assert await ask(api, f"sum by (__tenant_id__) ({rate}) or vector(1)", "c|a") == {
            (("__tenant_id__", "a"),): 2.0,
            (("__tenant_id__", "c"),): 8.0,
            (): 1.0,
        }
        chosen = 'count(requests_total{__tenant_id__!~"a|c"})'
        assert await ask(api, chosen) == {(): 2.0}
        joined = 'requests_total{__tenant_id__="b"} - on (job) requests_total{__tenant_id__="a"}'
        assert await ask(api, joined) == {(("job", "shared"),): 600.0}
        labels = 'label_replace(requests_total{job="shared"}, "t", "$1", "__tenant_id__", "(.*)")'
        assert {dict(k)["t"] for k in await ask(api, labels)} == {"a", "b", "c"}
        assert await ask(api, "count(requests_total)", "a|a") == {(): 2.0}
        assert ("__tenant_id__", "a") not in next(iter(await ask(api, "requests_total", "a|a")))

    run_real_api(tmp_path, scenario, storage__shards="2")


def test_label_queries_over_several_tenants(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await fill(api)
        several = {"tenant": "c|a"}
        _, names = await api.get("labels", **several)
        assert names == ["__name__", "__tenant_id__", "job"]
        _, values = await api.get("label/job/values", **several)
        assert values == ["job-a", "job-c", "shared"]
        _, values = await api.get("label/__tenant_id__/values", **several)
        assert values == ["a", "c"]
        _, found = await api.get("series", **{"match[]": '{job="shared"}'}, **several)
        assert found == [
            {"__name__": "requests_total", "__tenant_id__": t, "job": "shared"} for t in "ac"
        ]
        _, found = await api.get("series", **{"match[]": '{job="shared"}', "limit": "1"}, **several)
        assert len(found) == 1

    run_real_api(tmp_path, scenario)


def test_tenants_of_a_request_are_limited_and_it_cannot_write(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        status, text = await api.get("query", tenant="a|b|c", query="1")
        assert status == 400
        assert text == "the request names 3 tenants; api.max-federated-tenants allows 2"
        status, text = await api.get("query", tenant="a|", query="1")
        assert (status, text[:14]) == (400, "invalid tenant")
        headers = {"X-Scope-OrgID": "a|b"}
        async with api.client.post("/api/v1/write", data=b"", headers=headers) as response:
            assert response.status == 400
            assert "invalid tenant 'a|b'" in await response.text()

    run_real_api(tmp_path, scenario, api__max_federated_tenants="2")
