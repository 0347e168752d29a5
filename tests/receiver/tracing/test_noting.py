"""The trace of a request while it is served, and what of it is left for the next one."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer

from api.sources.running import Running
from api.web import routes
from receiver.tracing import noting
from storage.traces import TRACE
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.real_api import RealApi, run_real_api

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_each_request_has_its_own_trace() -> None:
    async def say(request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.Response(text=TRACE.get().id or "none")

    async def main() -> None:
        app = web.Application()
        noting.install(app)
        app.router.add_get("/", say)
        async with (
            TestServer(app) as server,
            # One connection, so that the requests are served by one task.
            ClientSession(connector=TCPConnector(limit=1)) as client,
        ):

            async def said(header: str | None) -> str:
                headers = {} if header is None else {"traceparent": header}
                async with client.get(server.make_url("/"), headers=headers) as response:
                    return await response.text()

            assert await said(f"00-{ID}-00f067aa0ba902b7-01") == ID
            assert await said(None) == "none"
            assert await said("nonsense") == "none"

    asyncio.run(main())


def test_a_trace_leads_from_metrics_and_slow_queries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every query is a slow one, however fast the machine is.
    monkeypatch.setattr(routes, "Running", lambda _, kept, now: Running(1e-9, kept, now))

    def headers(number: int, flags: str) -> dict[str, str]:
        return {"traceparent": f"00-{ID[:-1]}{number}-00f067aa0ba902b7-{flags}"}

    class Noting(logging.Filter):
        """Notes the trace of the request that a message is logged about."""

        def filter(self, record: logging.LogRecord) -> bool:
            record.trace = TRACE.get().id
            return True

    async def scenario(api: RealApi) -> None:
        body = encode([({"__name__": "up", "job": "a"}, [(1_000, 1.0)])])
        sent = HEADERS | headers(1, "01")
        async with api.client.post("/api/v1/write", data=body, headers=sent) as response:
            assert response.status == 204
        for number, flags in ((2, "00"), (3, "01")):
            params = {"query": f"up + {number}", "time": "1"}
            asked = api.client.get("/api/v1/query", params=params, headers=headers(number, flags))
            async with asked as response:
                assert response.status == 200
        status, data = await api.get("status/slow_queries", tenant="default")
        assert status == 200
        assert [each["traceId"] for each in data["queries"]] == [f"{ID[:-1]}{n}" for n in (3, 2)]
        accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
        async with api.client.get("/metrics", headers=accept) as response:
            text = await response.text()
        assert f'trace_id="{ID[:-1]}1"' in text
        assert f'trace_id="{ID[:-1]}2"' not in text  # which nothing records
        assert f'trace_id="{ID[:-1]}3"' in text

    caplog.handler.addFilter(noting_filter := Noting())
    try:
        run_real_api(tmp_path, scenario)
    finally:
        caplog.handler.removeFilter(noting_filter)
    slow = [each for each in caplog.records if each.getMessage().startswith("slow query")]
    assert [each.trace[-1] for each in slow] == ["2", "3"]
