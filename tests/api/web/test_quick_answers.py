"""Answers in one call: when there are some, and that they are those of the usual way."""

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from yarl import URL

from api.promql.errors import QueryCanceled, QueryTimeout, TooManySamples
from api.promql.options import EngineOptions
from api.promql.vectors.value import Result
from api.web.options import ApiOptions
from api.web.quick_answers import Answer
from api.web.quick_jobs import QuickJobs
from tests.api.web.test_query_pool import within
from tests.api.web.test_serving import FakeEngine, large_result
from tests.makers.fake_store import Running, run_api

UP = "query=up&time=100"
SPAN = "match[]=up&start=0&end=200"
ENCODING = ("Accept-Encoding",)
GZIP = {"Accept-Encoding": "gzip"}
ARROW = {"Accept": "application/vnd.apache.arrow.stream"}
CSV = {"Accept": "text/csv"}


def ask(running: Running, path: str, headers: dict[str, str] | None = None) -> Answer | None:
    before, _, query = path.partition("?")
    return running.api.quick_answers.answer(before, query, headers or {}, lambda: False)


def run(test: Callable[[Running], Awaitable[None]], **more: Any) -> None:
    """Run a test against an API over a few series, to which all is quick that it did before,
    however busy the machine is."""
    run_api(test, **({"fill": fill, "quick": QuickJobs(quick_s=60.0)} | more))


def fill(store: Any) -> None:
    for n in range(40):
        store.tenant().write({"__name__": "up", "pod": f"p{n}"}, [(90_000, float(n))])
    store.tenant("other").write({"__name__": "up"}, [(90_000, 7.0)])


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/api/v1/query?{UP}", {}),
        (f"/prometheus/api/v1/query?{UP}", {}),
        (f"/api/v1/query?{UP}&limit=3&stats=all", {}),
        (f"/api/v1/query?{UP}", GZIP),
        (f"/api/v1/query?{UP}", {"X-Scope-OrgID": "other"}),
        (f"/api/v1/query?{UP}", {"X-Scope-OrgID": "default|other"}),
        (f"/api/v1/query?{UP}", {"Origin": "http://a"}),
        ("/api/v1/query?query=1%20%2B+1&time=5", GZIP),
        ("/api/v1/query_range?query=up&start=90&end=200&step=10", {}),
        (f"/api/v1/series?{SPAN}", {}),
        (f"/api/v1/labels?{SPAN}", {}),
        (f"/api/v1/label/pod/values?{SPAN}", {}),
        (f"/api/v1/label/pod/values?{SPAN}&limit=2", {}),
        ("/api/v1/label/nothing/values", {}),
        ("/api/v1/status/buildinfo", {}),
        (f"/api/v1/query?{UP}", ARROW),
        (f"/api/v1/query?{UP}", CSV | GZIP),
        (f"/api/v1/series?{SPAN}", ARROW),
        (f"/api/v1/labels?{SPAN}", CSV),
        ("/api/v1/status/buildinfo", CSV),
    ],
)
def test_answers_are_those_of_the_usual_way(path: str, headers: dict[str, str]) -> None:
    async def check(running: Running) -> None:
        usual: list[tuple[bytes, dict[str, str]]] = []
        for _ in range(2):
            asked = running.client.get(path, headers=headers, skip_auto_headers=ENCODING)
            async with asked as response:
                assert response.status == 200
                usual.append((await response.read(), dict(response.headers)))
        answer = ask(running, path, headers)
        assert answer is not None
        body, found = usual[-1]
        for name in ("Date", "Server", "Content-Length"):
            found.pop(name)
        assert answer.headers == found
        if "stats" in path:
            return  # which are times
        assert plain(answer) == body
        assert plain(answer) == usual[0][0]

    run(check)


def plain(answer: Answer) -> bytes:
    """The body before compression, as the client of the tests shows it."""
    encoded = answer.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(answer.body) if encoded else answer.body


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api/v1/query/",
        "/api/v1//query?query=1",
        "/api/v1/label/po%64/values",
        "/api/v1/label/a/b/values",
        "/api/v1/label//values",
        "/api/v1/query?query=up&time=x",
        f"/api/v1/query?{UP}&timeout=0",
        f"/api/v1/query?{UP}&stats=x&provenance=2",
        "/api/v1/series?start=0",
        "/api/v1/status/rejected",
    ],
)
def test_what_is_not_plain_goes_the_usual_way(path: str) -> None:
    async def check(running: Running) -> None:
        for _ in range(2):
            assert ask(running, path) is None
            async with running.client.get(URL(path, encoded=True)):
                pass

    run(check)


def test_a_query_is_answered_once_it_is_known_to_be_quick() -> None:
    path = f"/api/v1/query?{UP}"

    async def check(running: Running) -> None:
        seen = "cupola_api_request_duration_seconds_count"
        assert ask(running, path) is None
        async with running.client.get(path):
            assert running.sample(seen, endpoint="query") == 1
        assert ask(running, path) is not None
        assert running.sample(seen, endpoint="query") == 2
        # One in each round of the event loop.
        assert ask(running, path) is None
        await asyncio.sleep(0.01)
        assert ask(running, path) is not None

    run(check)


def test_none_is_answered_out_of_turn() -> None:
    path = f"/api/v1/query?{UP}"

    async def check(running: Running) -> None:
        async with running.client.get(path):
            pass
        async with running.api.pool.turn(within(1_000), client_left=lambda: False):
            assert ask(running, path) is None
        await asyncio.sleep(0)
        assert ask(running, path) is not None

    run(check, engine_options=EngineOptions(max_concurrency=1, threads=1))


def test_what_is_large_goes_the_usual_way() -> None:
    async def check(running: Running) -> None:
        path = "/api/v1/query?query=large"
        for _ in range(2):
            async with running.client.get(path) as response:
                assert response.status == 200
                await response.read()
            await asyncio.sleep(0.01)
            assert ask(running, path) is None

    run(check, engine=FakeEngine(lambda *_: large_result()))


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("a bug"), 500), (TooManySamples("much"), 422), (QueryTimeout("late"), 503)],
)
def test_what_fails_is_computed_once(error: Exception, status: int) -> None:
    computed = []

    def answer(text: str, _: Any) -> Result:
        computed.append(text)
        raise error

    async def check(running: Running) -> None:
        path, headers = "/api/v1/query?query=bad", {"Origin": "http://a"}
        async with running.client.get(path, headers=headers) as response:
            usual = response.status, response.reason, await response.read()
            found = dict(response.headers)
        assert usual[0] == status
        assert len(computed) == 1
        quick = ask(running, path, headers)
        assert quick is not None
        assert (quick.status, quick.reason, quick.body) == usual
        for name in ("Date", "Server", "Content-Length"):
            found.pop(name)
        assert quick.headers == found
        assert len(computed) == 2
        kind = "timeout" if status == 503 else "execution" if status == 422 else "internal"
        failed = {"endpoint": "query", "type": kind}
        assert running.sample("cupola_api_request_errors_total", **failed) == 2

    run(check, engine=FakeEngine(answer))


def test_what_is_quick_no_more_is_given_up_by_the_loop() -> None:
    """Each query looks whether it has to end, as if it were at it for long."""
    threads = []

    def answer(text: str, limits: Any) -> Result:
        threads.append(threading.current_thread().name)
        if limits["cancelled"]():
            raise QueryCanceled("query was canceled in expression evaluation")
        return large_result(1)

    async def check(running: Running) -> None:
        path = "/api/v1/query?query=1"
        async with running.client.get(path) as response:
            assert response.status == 200
        assert ask(running, path) is not None
        await asyncio.sleep(0)
        running.api.pool._quick.quick_s = -1.0
        assert ask(running, path) is None
        running.api.pool._quick.quick_s = 60.0
        async with running.client.get(path) as response:
            assert response.status == 200
        assert [name.startswith("api") for name in threads] == [True, False, False, True]

    run(check, engine=FakeEngine(answer))


def test_too_many_fields_and_tenants_go_the_usual_way() -> None:
    async def check(running: Running) -> None:
        async with running.client.get(f"/api/v1/query?{UP}"):
            pass
        assert ask(running, f"/api/v1/query?{UP}&a=1") is None
        headers = {"X-Scope-OrgID": "default|other"}
        assert ask(running, f"/api/v1/query?{UP}", headers) is None
        assert ask(running, f"/api/v1/query?{UP}") is not None

    run(check, options=ApiOptions(form_fields_max=2, federated_tenants_max=1))
