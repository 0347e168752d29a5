"""Federation of a program: what is selected, how old it may be, and errors in plain text."""

import time
from pathlib import Path

import pytest
import snappy

from api.endpoints import federation
from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, body_v2
from tests.makers.bodies.v1 import HEADERS
from tests.makers.real_api import RealApi, run_real_api

MINUTE_MS = 60_000
TEXT = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


async def fill(api: RealApi) -> int:
    """The time of the newest samples."""
    now_ms = time.time_ns() // 1_000_000
    series = [
        WireSeries({"__name__": "up", "job": "a"}, samples=[(now_ms - 9, 1.0), (now_ms, 2.5)]),
        WireSeries({"__name__": "up", "job": "b"}, samples=[(now_ms, STALE_NAN)]),
        WireSeries({"__name__": "up", "job": "c"}, samples=[(now_ms - 6 * MINUTE_MS, 1.0)]),
        WireSeries({"__name__": "r", "replica": "1"}, samples=[(now_ms, 4.0)]),
        WireSeries({"__name__": "r", "replica": "2"}, samples=[(now_ms, 4.0)]),
        WireSeries({"__name__": "h"}, histograms=[WireHistogram(now_ms, 2, 1.5, zero_count=2)]),
    ]
    headers = HEADERS | {"X-Scope-OrgID": "t"}
    body = snappy.compress(body_v1(series))
    async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
        assert response.status == 204, await response.text()
    return now_ms


async def federate(
    api: RealApi, query: str, tenant: str = "t", **more: str
) -> tuple[int, str, str]:
    headers = {"X-Scope-OrgID": tenant, **more}
    async with api.client.get(f"/federate{query}", headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.text()


def test_the_newest_samples_of_what_is_selected(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        now_ms = await fill(api)
        up = f'# TYPE up untyped\nup{{job="a",instance=""}} 2.5 {now_ms}\n'
        replicas = f'# TYPE r untyped\nr{{instance=""}} 4 {now_ms}\n'
        assert await federate(api, "?match[]=up") == (200, TEXT, up)
        assert await federate(api, "?match[]=up&match[]={job='a'}") == (200, TEXT, up)
        both = '?match[]={__name__=~".*"}&match[]=up&match[]=nothing'
        assert await federate(api, both) == (200, TEXT, replicas + up)
        assert (await federate(api, "?match[]=r&dedup=false"))[2].count("replica=") == 2
        assert await federate(api, "") == (200, TEXT, "")
        assert await federate(api, "?match[]=up", tenant="other") == (200, TEXT, "")
        _, kind, text = await federate(
            api, "?match[]=up", Accept="application/openmetrics-text;version=1.0.0"
        )
        assert kind.startswith("application/openmetrics-text; version=1.0.0;")
        assert text.endswith("# EOF\n")

    run_real_api(tmp_path, check)


def test_histograms_in_protobuf(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        headers = {"X-Scope-OrgID": "t", "Accept": "application/vnd.google.protobuf"}
        url = "/prometheus/federate?match[]=h&match[]=up"
        async with api.client.get(url, headers=headers) as response:
            assert response.headers["Content-Type"].startswith("application/vnd.google.protobuf;")
            body = await response.read()
        assert b"\x0a\x01h\x18\x04" in body
        assert b"\x0a\x02up\x18\x03" in body

    run_real_api(tmp_path, check)


def test_custom_buckets_in_text(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        now_ms = time.time_ns() // 1_000_000
        custom = WireHistogram(
            now_ms, 3, 1.5, schema=-53, positive_spans=[(0, 2)], positive=[1, 1],
            custom_values=[0.5],
        )  # fmt: skip
        series = [WireSeries({"__name__": "h"}, histograms=[custom])]
        headers = HEADERS | {
            "X-Scope-OrgID": "t",
            "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
        body = snappy.compress(body_v2(series))
        async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
            assert response.status == 204, await response.text()
        assert (await federate(api, "?match[]=h"))[2].splitlines() == [
            "# TYPE h histogram",
            f'h_bucket{{instance="",le="0.5"}} 1 {now_ms}',
            f'h_bucket{{instance="",le="+Inf"}} 3 {now_ms}',
            f'h_sum{{instance=""}} 1.5 {now_ms}',
            f'h_count{{instance=""}} 3 {now_ms}',
        ]

    run_real_api(tmp_path, check)


def test_errors_are_text_and_tenants_go_together(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        status, kind, text = await federate(api, "?match[]=up{")
        assert (status, kind) == (400, "text/plain; charset=utf-8")
        assert text.startswith("1:4: parse error: ")
        async with api.client.get("/federate?match[]=up{") as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        now = time.time_ns() // 1_000_000
        for tenant in ("a", "b"):
            await api.write(({"__name__": "up"}, [(now, 1.0)]), tenant=tenant)
        _, _, text = await federate(api, "?match[]=up", tenant="a|b")
        assert text.count('__tenant_id__="') == 2

    run_real_api(tmp_path, check)


def test_series_are_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(federation, "BLOCK_ROWS", 7)

    async def check(api: RealApi) -> None:
        now = time.time_ns() // 1_000_000
        many = [({"__name__": "m", "n": str(n)}, [(now, float(n))]) for n in range(100)]
        await api.write(*many)
        _, _, text = await federate(api, "?match[]=m", **{"Accept-Encoding": "gzip"})
        lines = text.splitlines()[1:]
        assert {line.split()[1] for line in lines} == {str(n) for n in range(100)}

    run_real_api(tmp_path, check)
