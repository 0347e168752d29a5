"""Remote read of a program: what was written comes back, in both forms, and its limits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import snappy

from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.remote_read import (
    CHUNKS,
    HEADERS,
    SAMPLES,
    points_of,
    query,
    read_frames,
    read_results,
    request,
)
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1
from tests.makers.bodies.v1 import HEADERS as WRITE_HEADERS
from tests.makers.real_api import RealApi, run_real_api

ALL = query([("__name__", "=~", ".+")], 0, 10**9)
HISTOGRAMS = [
    WireHistogram(
        timestamp=1000 * n, count=2 * n, sum=1.5, positive_spans=[(0, 2)], positive=(n, 0)
    )
    for n in range(1, 200)
]


async def fill(api: RealApi) -> None:
    floats = [(1000 * n, n / 7) for n in range(1, 400)]
    series = [
        WireSeries({"__name__": "z", "job": "a"}, samples=floats),
        WireSeries({"__name__": "a", "job": "ü"}, samples=[(5, STALE_NAN), (6, -1.0)]),
        WireSeries({"__name__": "h"}, histograms=HISTOGRAMS),
        WireSeries({"__name__": "r", "replica": "1"}, samples=[(15_000, 1.0), (30_000, 2.0)]),
        WireSeries({"__name__": "r", "replica": "2"}, samples=[(16_000, 1.0), (31_000, 2.0)]),
    ]
    await post(api, snappy.compress(body_v1(series)), "t")


async def post(api: RealApi, body: bytes, tenant: str) -> None:
    headers = WRITE_HEADERS | {"X-Scope-OrgID": tenant}
    async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
        assert response.status == 204, await response.text()


async def read(
    api: RealApi, body: bytes, *, path: str = "read", tenant: str = "t"
) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    headers = HEADERS | {"X-Scope-OrgID": tenant, "Accept-Encoding": "gzip"}
    async with api.client.post(f"/api/v1/{path}", data=body, headers=headers) as response:
        encoding = response.headers.get("Content-Encoding", "")
        assert encoding == ("snappy" if response.content_type == "application/x-protobuf" else "")
        return response.status, response.headers["Content-Type"], await response.read()


def test_samples_can_be_written_again(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        few = query([("__name__", "=", "z")], 5_000, 7_000)
        status, kind, body = await read(api, request([ALL, few], [SAMPLES]))
        assert (status, kind) == (200, "application/x-protobuf")
        everything, cut = read_results(body)
        await post(api, snappy.compress(everything), "copy")
        await post(api, snappy.compress(cut), "cut")
        for text in ("z[400s]", "h[400s]", "a[400s]", "r[400s]", "count({__name__=~'.+'})"):
            assert await api.query(text, time=400) == await api.query(text, time=400, tenant="copy")
        ((series),) = await api.query("z[400s]", time=400, tenant="cut")
        assert [time for time, _ in series["values"]] == [5, 6, 7]

    run_real_api(tmp_path, check)


def test_chunks_are_the_samples_in_the_order_of_series(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        other = query([("job", "=", "a")], 390_000, 500_000)
        status, kind, body = await read(api, request([ALL, other], [CHUNKS, SAMPLES]))
        assert status == 200
        assert kind == "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
        frames = read_frames(body)
        first = [frame for frame in frames if frame.query == 0]
        names = [dict(frame.labels)["__name__"] for frame in first]
        assert names == ["a", "h", "r", "z"]
        assert [kind for _, _, kind, _ in first[1].chunks] == [2, 2]
        points = points_of(first)
        floats = points[(("__name__", "z"), ("job", "a"))]
        assert floats == [(1000 * n, n / 7) for n in range(1, 400)]
        assert points[(("__name__", "r"),)] == [(15_000, 1.0), (30_000, 2.0)]
        ((start, stale), (end, value)) = points[(("__name__", "a"), ("job", "ü"))]
        assert (start, end, value) == (5, 6, -1.0)
        assert np.float64(stale).view(np.uint64) == np.float64(STALE_NAN).view(np.uint64)
        histograms = points[(("__name__", "h"),)]
        assert [(t, h.count) for t, h in histograms] == [(1000 * n, 2 * n) for n in range(1, 200)]
        (last,) = points_of([frame for frame in frames if frame.query == 1]).values()
        assert [time for time, _ in last] == list(range(390_000, 400_000, 1000))

    run_real_api(tmp_path, check)


def test_frames_obey_their_limit(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        frames = read_frames((await read(api, request([ALL], [CHUNKS])))[2])
        assert [len(frame.chunks) for frame in frames] == [1, 1, 1, 1, 1, 1, 1, 1]

    run_real_api(tmp_path, check, **{"api__remote-read__max-bytes-in-frame": "1"})


def test_replicas_are_shown_on_demand(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        body = request([query([("__name__", "=", "r")], 0, 10**9)], [CHUNKS])
        frames = read_frames((await read(api, body, path="read?dedup=false"))[2])
        assert [dict(frame.labels).get("replica") for frame in frames] == ["1", "2"]

    run_real_api(tmp_path, check)


@pytest.mark.parametrize("kinds", [[SAMPLES], [CHUNKS]])
def test_tenants_together(kinds: Sequence[int], tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        for tenant in ("t1", "t2"):
            await api.write(({"__name__": "up"}, [(1000, 1.0)]), tenant=tenant)
        status, _, body = await read(api, request([ALL], kinds), tenant="t1|t2")
        assert status == 200
        content = body if kinds == [CHUNKS] else snappy.decompress(body)
        assert b"__tenant_id__\x12\x02t1" in content
        assert b"__tenant_id__\x12\x02t2" in content

    run_real_api(tmp_path, check)


def test_errors_are_text(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        await fill(api)
        plain = "text/plain; charset=utf-8"
        status, kind, text = await read(api, b"nonsense")
        assert (status, kind) == (400, plain)
        assert text.startswith(b"the request has") or b"snappy" in text
        status, kind, text = await read(api, request([ALL], [SAMPLES]))
        assert (status, kind) == (400, plain)
        assert text.startswith(b"exceeded sample limit (500)")
        status, kind, text = await read(api, request([ALL], [9]))
        assert (status, kind) == (400, plain)
        status, _, _ = await read(api, request([ALL], [CHUNKS]))
        assert status == 200
        status, _, text = await read(api, request([ALL]), path="read?dedup=x")
        assert (status, text[:33]) == (400, b'invalid parameter "dedup": got "x"'[:33])

    run_real_api(tmp_path, check, **{"api__remote-read__max-samples": "500"})


def test_nothing_is_selected(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        none = query([("__name__", "=", "nothing")], 0, 1)
        assert read_results((await read(api, request([none])))[2]) == [b""]
        assert (await read(api, request([none], [CHUNKS])))[2] == b""
        assert read_results((await read(api, request([])))[2]) == []

    run_real_api(tmp_path, check)
