"""The whole program in one process, over a real data directory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient

from receiver.facts import replica_defaults
from receiver.server import DATABASE, RELOADER, check
from receiver.settings.config import ConfigError, build
from receiver.write.handler import WRITTEN_HEADERS
from storage.dedup.algorithm import Algorithm
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v2, compress
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.compaction import compact
from tests.makers.databases import seal
from tests.makers.real_api import run_program


def play(directory: Path, scenario: Callable[[TestClient], Awaitable[None]], **more: str) -> None:
    """Run a scenario against the program."""
    run_program({"storage.path": str(directory), "storage.shards": "1"} | more, scenario)


async def ask(client: TestClient, query: str, tenant: str = "default") -> list[object]:
    headers = {"X-Scope-OrgID": tenant}
    async with client.get("/api/v1/query", params={"query": query}, headers=headers) as response:
        assert response.status == 200, await response.text()
        return [row["value"][1] for row in (await response.json())["data"]["result"]]


def test_what_is_written_is_answered_and_outlives_a_restart(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    body = encode([({"__name__": "up", "job": "a"}, [(now_ms - 1_000, 5.0)])])

    async def write(client: TestClient) -> None:
        headers = HEADERS | {"X-Scope-OrgID": "t1"}
        async with client.post("/api/v1/write", data=body, headers=headers) as response:
            assert response.status == 204, await response.text()
        assert await ask(client, "up", "t1") == ["5"]
        assert await ask(client, "up", "t2") == []

    async def read(client: TestClient) -> None:
        assert await ask(client, "up * 2", "t1") == ["10"]

    play(tmp_path, write)
    play(tmp_path, read)


def test_replicas_are_one_by_the_configured_labels(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    series = [({"__name__": "up", "r": replica}, [(now_ms, 1.0)]) for replica in "ab"]

    async def scenario(client: TestClient) -> None:
        async with client.post("/api/v1/write", data=encode(series), headers=HEADERS) as response:
            assert response.status == 204
        assert await ask(client, "count(up)") == ["1"]

    play(tmp_path, scenario, **{"dedup.replica-labels": "r"})


async def post(client: TestClient, names: str, tenant: str) -> tuple[int, str]:
    """(status, text) of a write of one sample for each series."""
    now_ms = time.time_ns() // 1_000_000
    body = encode([({"__name__": name}, [(now_ms, 1.0)]) for name in names])
    headers = HEADERS | {"X-Scope-OrgID": tenant}
    async with client.post("/api/v1/write", data=body, headers=headers) as response:
        return response.status, await response.text()


def test_limits_are_those_of_the_file_and_change_with_it(tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    drop = "metric_relabel_configs: [{source_labels: [__name__], regex: a, action: drop}]"
    file.write_text(f"overrides: {{t: {{max_global_series_per_user: 2, {drop}}}}}")

    async def told(client: TestClient, tenant: str) -> object:
        headers = {"X-Scope-OrgID": tenant}
        async with client.get("/api/v1/user_limits", headers=headers) as response:
            assert response.status == 200
            return (await response.json())["max_global_series_per_user"]

    async def scenario(client: TestClient) -> None:
        assert await post(client, "abc", "t") == (204, "")
        status, text = await post(client, "abcd", "t")
        assert status == 400
        assert text.startswith("tenant_series_limit 1: ")
        assert await ask(client, "count({__name__=~'.+'})", "t") == ["2"]
        assert await post(client, "abcd", "u") == (204, "")
        assert [await told(client, tenant) for tenant in "tu"] == [2, 0]

        file.write_text("overrides: {t: {max_global_series_per_user: 5, ingestion_rate: 0.001}}")
        reloader = client.server.app[RELOADER]
        await reloader.refresh()
        assert await post(client, "abcd", "t") == (204, "")
        assert await ask(client, "count({__name__=~'.+'})", "t") == ["4"]
        assert (await post(client, "abcd", "t"))[0] == 429
        file.write_text("overrides: {t: {max_series: 1}}")
        await reloader.refresh()
        assert await told(client, "t") == 5

    play(tmp_path, scenario, **{"limits.file": str(file)})


def test_one_replica_of_a_pair_is_stored_and_both_are_answered(tmp_path: Path) -> None:
    """Every 15 s each of two replicas sends a sample; a leaves out one, and later six, of which the
    receiver waits for some longer than the failover timeout."""
    file = tmp_path / "limits.yml"
    timeouts = "ha_tracker_update_timeout: 0s, ha_tracker_failover_timeout: 10s"
    file.write_text(f"overrides: {{t: {{accept_ha_samples: true, {timeouts}}}}}")
    start_ms = time.time_ns() // 1_000_000 - 600_000
    first = [0, 1, 2, *range(4, 10), *range(16, 20)]
    sends = {"a": [15 * n for n in first], "b": [15 * n + 5 for n in range(20)]}
    in_order = sorted((second, replica) for replica, found in sends.items() for second in found)

    def request(second: int, replica: str) -> bytes:
        labels = {"__name__": "up", "cluster": "c", "__replica__": replica}
        at_ms = start_ms + 1_000 * second
        histogram = WireHistogram(timestamp=at_ms, count=1, positive_spans=[(0, 1)], positive=[1])
        exemplars = [({"trace_id": replica}, 1.0, at_ms)]
        classic = WireSeries(labels, [(at_ms, "ab".index(replica))], [], exemplars)
        native = WireSeries(labels | {"__name__": "h"}, [], [histogram])
        return compress(body_v2([classic, native]))

    async def scenario(client: TestClient) -> None:
        headers = {
            "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            "Content-Encoding": "snappy",
            "X-Scope-OrgID": "t",
        }
        for second, replica in in_order:
            if second == 170:
                await asyncio.sleep(11)
            body = request(second, replica)
            async with client.post("/api/v1/write", data=body, headers=headers) as response:
                assert response.status == 204, await response.text()
                written = [response.headers[name] for name in WRITTEN_HEADERS]
                assert written == ["1", "1", "1"]
        query = {"query": "up[1h]", "dedup": "false"}
        async with client.get("/api/v1/query", params=query, headers=headers) as response:
            (found,) = (await response.json())["data"]["result"]
        assert found["metric"] == {"__name__": "up", "cluster": "c"}
        seconds = [round(t - start_ms / 1_000) for t, _ in found["values"]]
        # One that a leaves out is no reason; b's sample after the silence is the first of b that is
        # kept, and b stays.
        assert seconds == [15 * n for n in range(10) if n != 3] + [170 + 15 * n for n in range(9)]
        assert await ask(client, "count(count_over_time(h[1h]) == 18)", "t") == ["1"]
        async with client.get("/metrics") as response:
            text = await response.text()
        copies = 2 * (len(in_order) - 18)
        assert f'cupola_ha_deduplicated_samples_total{{tenant="t"}} {copies}.0' in text
        assert 'cupola_ingested_samples_total{tenant="t"} 36.0' in text

    play(tmp_path / "data", scenario, **{"limits.file": str(file)})


def test_bad_samples_are_refused_by_name_and_good_ones_kept(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    series = [({"__name__": "up"}, [(now_ms, 1.0)]), ({"job": "no name"}, [(now_ms, 1.0)])]

    async def scenario(client: TestClient) -> None:
        async with client.post("/api/v1/write", data=encode(series), headers=HEADERS) as response:
            assert response.status == 400
            assert (await response.text()).startswith("label_invalid 1: ")
        assert await ask(client, "up") == ["1"]

    play(tmp_path, scenario)


def test_what_compaction_keeps_out_is_in_the_ledger(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    wanted = {"reason": "kept_out", "match[]": "up"}

    async def scenario(client: TestClient) -> None:
        database = client.server.app[DATABASE]._database  # type: ignore[attr-defined]
        for value in (1.0, 2.0):
            points = [(now_ms - 9_000, value), (now_ms, 7.0)]
            body = encode([({"__name__": "up", "job": "a"}, points)])
            async with client.post("/api/v1/write", data=body, headers=HEADERS) as response:
                assert response.status == 204, await response.text()
            seal(database)
        assert await asyncio.to_thread(compact, database) == 1
        async with client.get("/api/v1/status/rejected", params=wanted) as response:
            found = (await response.json())["data"]
        (entry,), (counted,) = found["rejected"], found["counts"]
        assert (entry["reason"], entry["value"], counted["count"]) == ("kept_out", "2", 1)
        assert entry["labels"] == {"__name__": "up", "job": "a"}
        assert entry["timestamp"] == pytest.approx((now_ms - 9_000) / 1000)
        assert entry["sender"] == {"address": "", "userAgent": ""}

    play(tmp_path, scenario, **{"storage.compaction.enabled": "false"})


def test_the_program_watches_itself(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        async with client.get("/-/ready") as response:
            assert response.status == 200
        async with client.get("/metrics") as response:
            text = await response.text()
        names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        assert {"cupola_ready", "cupola_series", "cupola_process_cpu_seconds_total"} <= names
        own = ("cupola_", "prometheus_notifications_", "prometheus_rule_", "prometheus_template_")
        assert not [name for name in names if not name.startswith(own)]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"enable-feature": "no-such"}, "unknown feature 'no-such'"),
        ({"api.cors-origin": "("}, "api.cors-origin"),
        ({"limits.file": "/nowhere/limits.yml"}, "limits.yml: cannot be read"),
        (
            {"dedup.tenant-algorithms": "t=best"},
            r"dedup\.tenant-algorithms: got 't=best'; 'best' is no dedup algorithm; allowed are",
        ),
        ({"dedup.tenant-algorithms": "t"}, "got 't'; one TENANT=ALGORITHM"),
        ({"dedup.tenant-algorithms": "t=auto,t=chain"}, "got 't=chain'; one TENANT=ALGORITHM"),
        ({"dedup.tenant-algorithms": "a/b=auto"}, "got 'a/b=auto'; invalid tenant"),
    ],
)
def test_what_only_the_parts_know_is_checked_too(values: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        check(build(values))


def test_what_is_configured_about_replicas() -> None:
    values = {
        "dedup.replica-labels": "r,s",
        "dedup.cluster-labels": "cluster,region",
        "dedup.algorithm": "chain",
        "dedup.tenant-algorithms": "t=penalty, u=auto",
    }
    replicas = replica_defaults(build(values).dedup)
    assert (replicas.labels, replicas.cluster_labels) == (("r", "s"), ("cluster", "region"))
    found = [replicas.algorithm_of(tenant).value for tenant in ("t", "u", "v")]
    assert found == ["penalty", "auto", "chain"]
    assert replica_defaults(build({}).dedup).algorithm is Algorithm.AUTO
    with pytest.raises(ConfigError, match="allowed is one of auto, penalty, chain"):
        build({"dedup.algorithm": "best"})


def test_features_are_switched_on() -> None:
    assert check(build({"enable-feature": "promql-experimental-functions"})).experimental_functions
    assert check(build({"enable-feature": "all"})).type_and_unit_labels


def test_queries_are_held_to_the_limits_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    file.write_text("overrides: {t: {max_series_per_query: 2, max_query_response_size: 1000}}")

    async def status_of(client: TestClient, query: str, tenant: str) -> tuple[int, str]:
        asked = {"query": query}
        headers = {"X-Scope-OrgID": tenant}
        async with client.get("/api/v1/query", params=asked, headers=headers) as response:
            return response.status, (await response.json()).get("error", "")

    async def scenario(client: TestClient) -> None:
        for tenant in "tu":
            assert await post(client, "abc", tenant) == (204, "")
        everything = "{__name__=~'.+'}"
        assert await status_of(client, everything, "u") == (200, "")
        status, error = await status_of(client, everything, "t")
        assert (status, error) == (
            422,
            "the query reads 3 series or more (limit: max_series_per_query=2 in limits.file)",
        )
        status, error = await status_of(client, "a[1h]", "t")
        assert status == 200
        status, error = await status_of(client, "vector(1)[1h:1s]", "t")
        assert (status, error[-58:]) == (
            422,
            "(limit: max_query_response_size=1000 bytes in limits.file)",
        )
        (tmp_path / "new.yml").write_text("limits: {}")
        (tmp_path / "new.yml").replace(file)
        await client.server.app[RELOADER].refresh()
        assert await status_of(client, everything, "t") == (200, "")

    play(tmp_path / "data", scenario, **{"limits.file": str(file)})
