"""The program with other stores: queries, lists, warnings, files that change."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from receiver.settings.config import ConfigError, build
from receiver.stores.setup import check_stores
from receiver.wire.messages import message_field, number_field
from tests.makers.memory_store import float_samples_of
from tests.makers.real_api import RealApi, run_real_api
from tests.makers.sources.fake_store import (
    FakeStore,
    Request,
    chunk_fields,
    info_message,
    series_frame,
    series_message,
    serving,
    wait_until,
)
from tests.makers.sources.listed import alert, dropped, group, recording, target
from tests.receiver.stores.storeapi.test_asking import meta
from tests.receiver.stores.storeapi.test_exemplars import exemplar_data
from tests.twins.storage.chunks import float_bits, float_chunk

MINUTE = 60_000


def has(replica: str, *points: tuple[int, float], cluster: str = "eu") -> FakeStore:
    """A store with one replica of `up`, which says what it was asked wrongly."""

    def frames(request: Request) -> Iterator[bytes]:
        labels = {"__name__": "up", "cluster": cluster, "replica": replica}
        with_samples = not request.numbers.get(8)
        yield series_frame(series_message(labels, points, chunks=with_samples))

    info = info_message("sidecar", [{"cluster": cluster, "replica": replica}])
    return FakeStore(frames, info)


async def asked(api: RealApi, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    async with api.client.get(f"/api/v1/{path}", headers=headers) as response:
        found: dict[str, Any] = await response.json()
        return found


async def until_listed(api: RealApi, count: int, kind: str = "sidecar") -> dict[str, Any]:
    """The list of stores, as soon as so many of a type have said what they have."""
    for _ in range(6_000):
        listed = (await asked(api, "stores"))["data"]
        healthy = [each for each in listed.get(kind, []) if each["lastError"] is None]
        if len(healthy) == count:
            return dict(listed)
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {count} of {kind}: {listed}")


def settings(*stores: FakeStore, **more: str) -> dict[str, str]:
    return {
        "stores__endpoints": ",".join(store.address for store in stores),
        "stores__info_interval": "2s",
        **more,
    }


def test_replicas_become_one_across_local_and_remote_data(tmp_path: Path) -> None:
    """The local replica has a hole, the one of the store fills it."""
    local = [(t * 15_000, 1.0) for t in range(40) if not 10 <= t < 20]
    store = has("b", *[(t * 15_000 + 1_000, 1.0) for t in range(40)])

    async def scenario(api: RealApi) -> None:
        own = {"__name__": "up", "cluster": "eu", "replica": "a"}
        await api.write((own, local), tenant="default")
        listed = await until_listed(api, 1)
        assert listed["sidecar"][0]["labelSets"] == [{"cluster": "eu", "replica": "b"}]
        assert [each["name"] for each in listed["sidecar"]] == [store.address]
        found = await asked(api, "query?query=up[10m]&time=600")
        (series,) = found["data"]["result"]
        assert series["metric"] == {"__name__": "up", "cluster": "eu"}
        assert len(series["values"]) == 39  # all but that of 0, where the range begins
        assert "warnings" not in found
        found = await asked(api, 'query?query=count({cluster="eu"})&time=600&dedup=false')
        assert found["data"]["result"][0]["value"][1] == "2"
        found = await asked(api, "query_range?query=up&start=0&end=600&step=15")
        assert len(found["data"]["result"][0]["values"]) == 41
        labels = await asked(api, "label/replica/values?dedup=false&start=0&end=600")
        assert labels["data"] == ["a", "b"]
        other = await asked(api, "query?query=up&time=600", {"X-Scope-OrgID": "other"})
        assert other["data"]["result"] == []
        assert "sidecar" not in (await asked(api, "stores", {"X-Scope-OrgID": "other"}))["data"]

    with serving(store):
        run_real_api(tmp_path, scenario, **settings(store))


def test_partial_answers_are_said_or_refused(tmp_path: Path) -> None:
    def broken(_: Request) -> Iterator[bytes]:
        yield b"\x0a\xff"

    store = has("a", (600_000, 1.0))
    liar = FakeStore(broken, info_message("sidecar", [{"cluster": "eu"}]))

    async def scenario(api: RealApi) -> None:
        await until_listed(api, 2)
        found = await asked(api, "query?query=up&time=600")
        assert len(found["data"]["result"]) == 1
        (warning,) = found["warnings"]
        assert f"store {liar.address} (sidecar): a frame is damaged" in warning
        for path in ("series?match[]=up", "labels?x=", "label/cluster/values?limit=1"):
            found = await asked(api, f"{path}&start=0&end=600")
            assert found["data"] and liar.address in found["warnings"][-1], found
        for path in ("query?query=up&time=600", "series?match[]=up&start=0&end=600"):
            found = await asked(api, f"{path}&partial_response=false")
            assert (found["status"], found["errorType"]) == ("error", "execution")
            assert liar.address in found["error"]

    with serving(store), serving(liar):
        run_real_api(tmp_path, scenario, **settings(store, liar))


def test_downsampled_data_of_stores_is_used_where_it_is_allowed(tmp_path: Path) -> None:
    """A store has windows of 5 minutes with 20 samples each, and the last ones as they came."""
    windows = [300_000 * k for k in range(1, 13)]
    requests: list[Request] = []

    def part(values: list[float], times: list[int] | None = None) -> bytes:
        points = zip(times or windows, values, strict=True)
        data = float_chunk([(t, float_bits(value)) for t, value in points])
        return message_field(2, data)

    def frames(request: Request) -> Iterator[bytes]:
        requests.append(request)
        labels = series_message({"__name__": "total", "cluster": "eu"}, ())
        times = number_field(1, windows[0]) + number_field(2, windows[-1])
        rising = [2_000.0 * k for k in range(1, 13)]
        fields = {
            1: message_field(4, part([20.0] * 12)),
            2: message_field(5, part([40.0] * 12)),
            5: message_field(8, part([0.0, *rising, rising[-1]], [1, *windows, windows[-1]])),
        }
        if request.numbers.get(4):
            chosen = b"".join(fields[kind] for kind in request.aggregates)
            labels += message_field(2, times + chosen)
        yield series_frame(labels + chunk_fields(float_samples_of([[(3_700_000, 30_000.0)]])))

    store = FakeStore(frames, info_message("store", [{"cluster": "eu"}]))

    async def value(api: RealApi, query: str) -> str:
        found = await asked(api, f"query?time=3600&max_source_resolution=5m&query={query}")
        assert "warnings" not in found, found
        return str(found["data"]["result"][0]["value"][1])

    async def scenario(api: RealApi) -> None:
        await until_listed(api, 1, kind="store")
        assert await value(api, "sum_over_time(total[30m])") == "240"
        assert await value(api, "count_over_time(total[30m])") == "120"
        assert await value(api, "avg_over_time(total[30m])") == "2"
        assert float(await value(api, "increase(total[30m])")) == pytest.approx(12_000, rel=0.02)
        found = await asked(
            api, "query_range?query=total&start=600&end=3900&step=300&max_source_resolution=5m"
        )
        (series,) = found["data"]["result"]
        assert {value for _, value in series["values"]} == {"2", "30000"}
        requests.clear()
        await asked(api, "query?time=3600&query=sum_over_time(total[30m])")
        assert [request.numbers.get(4) for request in requests] == [None]

    with serving(store):
        run_real_api(tmp_path, scenario, **settings(store))


def test_a_query_that_is_left_ends_the_calls_of_its_stores(tmp_path: Path) -> None:
    release = threading.Event()

    def slow(_: Request) -> Iterator[bytes]:
        for number in range(1 << 20):
            yield series_frame(series_message({"__name__": "up"}, [(number, 1.0)]))
            if release.wait(0.05):
                return

    store = FakeStore(slow, info_message("sidecar"))

    async def scenario(api: RealApi) -> None:
        await until_listed(api, 1)
        query = asyncio.ensure_future(asked(api, "query?query=up&time=600"))
        await asyncio.to_thread(wait_until, lambda: len(store.asked) > 0, "the store is asked")
        query.cancel()
        await asyncio.to_thread(wait_until, store.gone.is_set, "the call is given up")
        release.set()

    with serving(store):
        try:
            run_real_api(tmp_path, scenario, **settings(store))
        finally:
            release.set()


def test_rules_targets_exemplars_and_metadata_are_joined(tmp_path: Path) -> None:
    """Of a pair of stores, each once; a third does not answer, and is said to be missing."""
    stores = [has(replica, (600_000, 1.0)) for replica in "ab"]
    services = (4, 5, 6, 7)
    for replica, store in zip("ab", stores, strict=True):
        own = {"replica": replica, "cluster": "eu"}
        store.info = info_message("sidecar", [own], services=services)
        rules = [recording("up:sum", own), alert("Down", own, state=3)]
        target_of = target("node", "h:1", own, health=1, at_s=7) + dropped({"x": "y"})
        exemplar = ({"__name__": "up", **own}, (600_000, 0.5, {"trace": replica}))
        answers = {
            "Rules": group("f.yml", "g", *rules),
            "Targets": target_of,
            "MetricMetadata": meta("up", "gauge", "It is up."),
            "Exemplars": exemplar_data(*exemplar),
        }
        store.others = {
            name: partial(lambda content, _: iter([message_field(1, content)]), content)
            for name, content in answers.items()
        }
    broken = FakeStore(info=info_message("sidecar", [{"cluster": "eu"}], services=services))

    async def data(api: RealApi, path: str, lost: str) -> Any:
        found = await asked(api, path)
        (warning,) = found["warnings"]
        assert f"store {broken.address} (sidecar): UNIMPLEMENTED: no such {lost}" in warning
        return found["data"]

    async def scenario(api: RealApi) -> None:
        await until_listed(api, 3)
        (listed,) = (await data(api, "rules", "method"))["groups"]
        assert [rule["name"] for rule in listed["rules"]] == ["up:sum", "Down"]
        assert listed["rules"][1]["alerts"][0]["value"] == "1.5e+00"
        (firing,) = (await data(api, "alerts", "method"))["alerts"]
        assert firing["labels"] == {"cluster": "eu"}
        targets = await data(api, "targets", "method")
        assert [each["scrapeUrl"] for each in targets["activeTargets"]] == ["h:1"]
        assert targets["activeTargets"][0]["health"] == "up"
        assert targets["droppedTargets"] == [{"discoveredLabels": {"x": "y"}}]
        assert (await data(api, "targets?state=dropped", "method"))["activeTargets"] == []
        assert (await data(api, "targets?scrapePool=none", "method"))["activeTargets"] == []
        families = await data(api, "metadata", "method")
        assert families == {"up": [{"type": "gauge", "help": "It is up.", "unit": ""}]}
        (series,) = await data(api, "query_exemplars?query=up&start=0&end=900", "method")
        assert series["seriesLabels"] == {"__name__": "up", "cluster": "eu"}
        assert [each["labels"] for each in series["exemplars"]] == [{"trace": "a"}, {"trace": "b"}]
        other = {"X-Scope-OrgID": "other"}
        assert (await asked(api, "rules", other))["data"] == {"groups": []}

    with serving(stores[0]), serving(stores[1]), serving(broken):
        run_real_api(tmp_path, scenario, **settings(*stores, broken))


def test_a_label_maps_series_to_tenants(tmp_path: Path) -> None:
    def frames(_: Request) -> Iterator[bytes]:
        for tenant in ("edge", "core"):
            labels = {"__name__": "up", "tenant_id": tenant}
            yield series_frame(series_message(labels, [(600_000, 1.0)]))

    sets = [{"tenant_id": "edge"}, {"tenant_id": "core"}]
    store = FakeStore(frames, info_message("sidecar", sets, services=(4, 5, 6)))
    rules = [alert(f"Of{own['tenant_id']}", own, state=3) for own in (*sets, {"tenant_id": ""})]
    targets = b"".join(target("node", "h:1", own, health=1, at_s=7) for own in sets)
    answers = {
        "Rules": group("f.yml", "g", *rules),
        "Targets": targets,
        "MetricMetadata": meta("up", "gauge", "It is up."),
    }
    store.others = {
        name: partial(lambda content, _: iter([message_field(1, content)]), content)
        for name, content in answers.items()
    }

    async def scenario(api: RealApi) -> None:
        for tenant, count in (("edge", 1), ("core", 1), ("none", 0)):
            headers = {"X-Scope-OrgID": tenant}
            await until_listed(api, 1)
            found = await asked(api, "query?query=up&time=600", headers)
            metrics = [each["metric"] for each in found["data"]["result"]]
            assert metrics == [{"__name__": "up"}] * count
            groups = (await asked(api, "rules", headers))["data"]["groups"]
            names = [rule["name"] for found in groups for rule in found["rules"]]
            assert names == [f"Of{tenant}"] * count
            labels = [own["labels"] for found in groups for rule in found["rules"]
                      for own in rule["alerts"]]  # fmt: skip
            assert all("tenant_id" not in own for own in labels)
            active = (await asked(api, "targets", headers))["data"]["activeTargets"]
            assert [each["scrapeUrl"] for each in active] == ["h:1"] * count
            assert all("tenant_id" not in each["labels"] for each in active)
            # Nothing says whose it is.
            assert (await asked(api, "metadata", headers))["data"] == {}

    with serving(store):
        more = {"stores__tenant_label": "tenant_id"}
        run_real_api(tmp_path, scenario, **settings(store, **more))


def test_the_file_may_change(tmp_path: Path) -> None:
    stores = [has("a", (600_000, 1.0)), has("b", (600_000, 1.0), cluster="us")]
    path = tmp_path / "stores.yml"

    def write(*chosen: FakeStore) -> None:
        entries = [{"address": store.address, "tenant": "edge"} for store in chosen]
        fresh = tmp_path / "fresh.yml"
        fresh.write_text(yaml.safe_dump({"endpoints": entries}))
        os.replace(fresh, path)

    async def scenario(api: RealApi) -> None:
        headers = {"X-Scope-OrgID": "edge"}
        assert (await asked(api, "stores")).keys() == {"status", "data"}
        await until_answered(api, 1, headers)
        write(*stores)
        await until_answered(api, 2, headers)

    async def until_answered(api: RealApi, count: int, headers: dict[str, str]) -> None:
        for _ in range(6_000):
            found = await asked(api, "query?query=up&time=600", headers)
            if len(found["data"]["result"]) == count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"never {count} series")

    with serving(stores[0]), serving(stores[1]):
        write(stores[0])
        more = {"stores__file": str(path), "stores__info_interval": "2s", "reload_interval": "10ms"}
        run_real_api(tmp_path / "data", scenario, **more)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"stores.endpoints": "nowhere"}, "stores.endpoints: got 'nowhere'; allowed is host:port"),
        ({"stores.strict-endpoints": "x"}, "stores.strict-endpoints: got 'x'; allowed is host"),
        ({"stores.file": "missing.yml"}, "missing.yml: cannot be read"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        check_stores(build(values).stores)


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stores.yml"
    path.write_text("endpoints: [{address: a}]")
    with pytest.raises(ConfigError, match=r"stores.yml: endpoints\[0\].address: got 'a'"):
        check_stores(build({"stores.file": str(path)}).stores)
