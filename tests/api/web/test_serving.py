"""Tests of the way of a request: forms, headers, large answers, and what can go wrong on it."""

import asyncio
import json
import logging
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientPayloadError, ClientSession, MultipartWriter
from yarl import URL

from api.promql.errors import QueryCanceled
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.vectors.value import Result, Vector
from api.web.options import ApiOptions
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.fake_store import Running, run_api


class FakeEngine:
    """An engine whose every query is answered by `answer`, in the calling thread."""

    def __init__(self, answer: Any, **options: Any) -> None:
        self.options = EngineOptions(**options)
        self.features = Features()
        self._answer = answer

    def instant_query(self, queryable: Any, text: str, time_ms: int, **limits: Any) -> Result:
        result: Result = self._answer(text, limits)
        return result


def large_result(rows: int = 30_000) -> Result:
    symbols = Symbols()
    codes = np.array([symbols.code(f"pod-{i}") for i in range(rows)], np.int32)
    values = np.arange(rows, dtype=np.float64).reshape(-1, 1)
    labels = LabelFrame(symbols, rows, {"pod": codes})
    return Result(Vector(labels, values, values == values), np.array([0], np.int64), False)


def wait_until(condition: Any) -> Any:
    async def wait() -> None:
        for _ in range(1_000):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it did not happen")

    return wait()


@pytest.mark.parametrize("encoding", ["identity", "gzip", "deflate"])
def test_a_large_answer_comes_in_parts(encoding: str) -> None:
    async def check(running: Running) -> None:
        headers = {"Accept-Encoding": encoding}
        async with running.client.get("/api/v1/query?query=1", headers=headers) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "application/json"
            assert response.headers["Transfer-Encoding"] == "chunked"
            assert response.headers.get("Content-Encoding", "identity") == encoding
            answer = json.loads(await response.read())
        result = answer["data"]["result"]
        assert len(result) == 30_000
        assert result[29_999] == {"metric": {"pod": "pod-29999"}, "value": [0, "29999"]}

    run_api(check, engine=FakeEngine(lambda *_: large_result()))


def test_a_small_answer_has_a_length() -> None:
    async def check(running: Running) -> None:
        headers = {"Accept-Encoding": "gzip", "Origin": "http://a"}
        async with running.client.get("/api/v1/query?query=1", headers=headers) as response:
            assert int(response.headers["Content-Length"]) == len(await response.read())
            assert "Content-Encoding" not in response.headers
            assert response.headers["Vary"] == "Origin, Accept, Accept-Encoding"
            assert response.headers["Access-Control-Allow-Origin"] == "*"
        async with running.client.get("/api/v1/query?query=(", headers=headers) as response:
            assert response.status == 400
            assert response.headers["Access-Control-Allow-Origin"] == "*"

    run_api(check)


def test_a_form_that_is_too_long_is_refused() -> None:
    async def check(running: Running) -> None:
        for length, status in ((50, 200), (5_000, 400)):
            form = {"query": "1", "x": "x" * length}
            async with running.client.post("/api/v1/query", data=form) as response:
                assert response.status == status
                answer = await response.json()
        assert answer["errorType"] == "bad_data"
        assert "api.max-form-bytes=100" in answer["error"]

    run_api(check, options=ApiOptions(form_bytes_max=100))


def test_multipart_forms_are_read() -> None:
    async def check(running: Running) -> None:
        for values, result in (({"query": "1+1"}, "2"), ({"query": "3", "x": "x" * 500}, None)):
            with MultipartWriter("form-data") as form:
                for name, value in values.items():
                    part = form.append(value)
                    part.set_content_disposition("form-data", name=name)
            async with running.client.post("/api/v1/query", data=form) as response:
                answer = await response.json()
            if result is None:
                assert "api.max-form-bytes=400" in answer["error"]
            else:
                assert answer["data"]["result"][1] == result
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        url = "/api/v1/query?query=7"
        async with running.client.post(url, data=b"--b\r\n", headers=headers) as response:
            assert response.status == 400
            assert (await response.json())["error"].startswith("error parsing form values: ")
        form_data = b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\n8\r\n--b--'
        async with running.client.post(url, data=form_data, headers=headers) as response:
            assert (await response.json())["data"]["result"][1] == "7"

    run_api(check, options=ApiOptions(form_bytes_max=400))


def test_bytes_that_are_no_utf8_in_a_path_are_shown() -> None:
    async def check(running: Running) -> None:
        for path, status, error in (
            ("%ff", 400, r'invalid label name: "\xff"'),
            ("a%ffb%c3%a4", 400, r'invalid label name: "a\xffbä"'),
            ("%c3%a4", 200, None),
            ("a%2Fb", 200, None),
        ):
            url = URL(f"http://127.0.0.1:{running.port}/api/v1/label/{path}/values", encoded=True)
            async with ClientSession() as client, client.get(url) as response:
                answer = await response.json()
                assert (response.status, answer.get("error")) == (status, error)

    run_api(check)


def test_parameters_that_are_escaped_wrongly_are_passed_over_but_for_series() -> None:
    async def check(running: Running) -> None:
        base = f"http://127.0.0.1:{running.port}/api/v1/"
        for path, status in (("labels", 200), ("series", 400)):
            url = URL(f"{base}{path}?match[]=up&start=%zz", encoded=True)
            async with ClientSession() as client, client.get(url) as response:
                assert response.status == status
                answer = await response.json()
        assert answer["error"] == 'error parsing form values: invalid URL escape "%zz"'

    run_api(check)


def test_a_form_that_does_not_arrive_is_refused() -> None:
    async def check(running: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(
            b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\nquery"
        )
        answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"did not arrive within query.timeout=100 ms" in answer
        writer.close()
        await writer.wait_closed()

    run_api(check, engine=FakeEngine(None, timeout_ms=100))


def test_other_content_than_a_form_is_not_read() -> None:
    async def check(running: Running) -> None:
        url = "/api/v1/query?query=1"
        async with running.client.post(url, json={"query": "2"}) as response:
            assert (await response.json())["data"]["result"][1] == "1"

    run_api(check)


def test_a_bug_is_logged_and_answered_without_details(caplog: pytest.LogCaptureFixture) -> None:
    def fail(text: str, limits: Any) -> Result:
        raise KeyError("secret")

    async def check(running: Running) -> None:
        async with running.client.get("/api/v1/query?query=1") as response:
            assert response.status == 500
            text = await response.text()
        assert "secret" not in text
        assert json.loads(text)["errorType"] == "internal"

    with caplog.at_level(logging.ERROR):
        run_api(check, engine=FakeEngine(fail))
    assert "secret" in caplog.text
    assert "endpoint=query" in caplog.text


def test_the_shorter_timeout_counts() -> None:
    timeouts = []

    def note(text: str, limits: Any) -> Result:
        timeouts.append(limits["timeout_ms"])
        return large_result(1)

    async def check(running: Running) -> None:
        for timeout in ("", "1h", "2s"):
            await running.get("query", query="1", timeout=timeout)

    run_api(check, engine=FakeEngine(note, timeout_ms=5_000))
    assert [round(ms, -3) for ms in timeouts] == [5_000, 5_000, 2_000]


@pytest.mark.parametrize("handler_cancellation", [True, False])
def test_a_client_that_leaves_cancels_its_query(handler_cancellation: bool) -> None:
    cancelled = threading.Event()

    def wait(text: str, limits: Any) -> Result:
        for _ in range(1_000):
            if limits["cancelled"]():
                cancelled.set()
                raise QueryCanceled("query was canceled in expression evaluation")
            time.sleep(0.01)
        raise AssertionError("not cancelled")

    async def check(running: Running) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await running.client.get("/api/v1/query?query=1")
        await wait_until(cancelled.is_set)
        await wait_until(
            lambda: running.sample(
                "cupola_api_request_errors_total", endpoint="query", type="canceled"
            )
        )

    run_api(check, engine=FakeEngine(wait), handler_cancellation=handler_cancellation)


def test_too_many_requests_are_refused() -> None:
    release = threading.Event()

    def wait(text: str, limits: Any) -> Result:
        release.wait(10)
        return large_result(1)

    async def check(running: Running) -> None:
        first = [asyncio.create_task(running.get("query", query="1")) for _ in range(2)]
        await wait_until(lambda: running.sample("cupola_api_requests_waiting") == 1)
        status, answer = await running.get("query", query="1")
        assert status == 503
        assert answer["errorType"] == "unavailable"
        assert "api.max-waiting-requests=1" in answer["error"]
        status, _ = await running.get("status/buildinfo")
        assert status == 200
        release.set()
        assert [status for status, _ in await asyncio.gather(*first)] == [200, 200]

    options = ApiOptions(waiting_max=1)
    run_api(check, engine=FakeEngine(wait, max_concurrency=1), options=options)


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    async def check(running: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        writer.write(b"GET /api/v1/query?query=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await wait_until(lambda: running.sample("cupola_api_requests_running") == 1)
        await wait_until(lambda: running.sample("cupola_api_requests_running") == 0)
        (received,) = await asyncio.gather(reader.read(), return_exceptions=True)
        assert isinstance(received, ConnectionError) or not received.endswith(b"0\r\n\r\n")
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    run_api(
        check,
        engine=FakeEngine(lambda *_: large_result(1_000_000)),
        options=ApiOptions(send_timeout_ms=200),
    )


def test_a_query_whose_answer_is_too_large_is_refused_before_its_first_byte() -> None:
    async def check(running: Running) -> None:
        status, answer = await running.get("query", query="1")
        assert (status, answer["errorType"]) == (422, "execution")
        assert "(limit: api.max-answer-bytes=1300000 bytes)" in answer["error"]
        running.api.server.options = replace(running.api.server.options, answer_bytes_max=2_000_000)
        status, answer = await running.get("query", query="1")
        assert status == 200
        assert len(answer["data"]["result"]) == 30_000

    options = ApiOptions(answer_bytes_max=1_300_000)
    run_api(check, engine=FakeEngine(lambda *_: large_result()), options=options)


def test_any_other_that_turns_out_too_large_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    """Of label sets it is not known before how long they are as text."""

    async def check(running: Running) -> None:
        found = large_result(150_000).value.labels
        running.store.tenant().series = lambda *_: found  # type: ignore[method-assign]
        async with running.client.get("/api/v1/series?match[]=x") as response:
            assert response.status == 200
            with pytest.raises(ClientPayloadError):
                await response.read()
        errors = running.sample(
            "cupola_api_request_errors_total", endpoint="series", type="execution"
        )
        assert errors == 1
        await wait_until(lambda: running.sample("cupola_api_requests_running") == 0)

    with caplog.at_level(logging.WARNING):
        run_api(check, options=ApiOptions(answer_bytes_max=2_000_000))
    assert "answer cut off path=/api/v1/series" in caplog.text
    assert "Traceback" not in caplog.text
