"""The write endpoint over a fake database, through HTTP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import cramjam
import pytest
import snappy
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from receiver.errors import WriteError
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WriteOptions
from receiver.tenant_header import PREFIXES
from receiver.wire.columns import limits_of
from receiver.wire.decoder import WriteDecoder
from receiver.write.handler import HANDOVER_BYTES_MIN, PATHS, WRITTEN_HEADERS, WriteHandler
from storage.batch import Batch, Example, Outcome, Reject
from storage.errors import CorruptBatch, LogFailed, Overloaded, StorageError
from storage.refusals.ledger import RejectLedger, Wanted
from tests.twins.wire.v1 import message, series, tag

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
UP = [(b"__name__", b"up")]
WRITE = "/api/v1/write"


def compressed(data: bytes) -> bytes:
    return snappy.compress(data)


BODY = compressed(series(UP, [(1, 2), (3, 4)]))


@dataclass
class FakeDatabase:
    """Notes what it is given; answers as told."""

    answer: Outcome | StorageError | WriteError | None = None
    gate: asyncio.Event | None = None
    seen: list[tuple[str, list[int]]] = field(default_factory=list)

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        assert arrival_ms > 1_700_000_000_000
        self.seen.append((tenant, batch.timestamps.tolist()))
        if self.gate is not None:
            await self.gate.wait()
        batch.release()
        if isinstance(self.answer, StorageError | WriteError):
            raise self.answer
        return self.answer or Outcome(batch.sample_count)


@dataclass
class Scene:
    """A running handler and what it counts."""

    database: FakeDatabase
    handler: WriteHandler
    client: TestClient
    registry: CollectorRegistry
    ledger: RejectLedger

    async def post(self, body: bytes = BODY, headers: dict[str, str] | None = None, path=WRITE):
        """(status, headers, text) of the answer to one write."""
        async with self.client.post(path, data=body, headers=HEADERS | (headers or {})) as response:
            return response.status, response.headers, await response.text()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def play(
    scenario: Callable[[Scene], Awaitable[None]],
    database: FakeDatabase | None = None,
    options: WriteOptions | None = None,
) -> None:
    """Run a scenario against a handler over the fake database."""
    options = options or WriteOptions()

    async def main() -> None:
        registry = CollectorRegistry()
        database_ = database or FakeDatabase()
        decoder = WriteDecoder(limits_of(options))
        ledger = RejectLedger(entries_max=10)
        handler = WriteHandler(database_, decoder, options, ReceiverMetrics(registry), ledger)
        app = web.Application()
        handler.add_routes(app)
        server = TestServer(app)
        await server.start_server(auto_decompress=False)
        async with TestClient(server) as client:
            await scenario(Scene(database_, handler, client, registry, ledger))
        handler.close()

    asyncio.run(main())


@pytest.mark.parametrize("path", [prefix + path for prefix in PREFIXES for path in PATHS])
def test_a_good_request_is_answered_204_on_every_path(path: str) -> None:
    async def scenario(scene: Scene) -> None:
        status, headers, text = await scene.post(path=path)
        assert (status, text) == (204, "")
        assert not [name for name in headers if "Written" in name]
        assert scene.database.seen == [("default", [1, 3])]
        assert scene.value("cupola_write_requests_total", code="204") == 1

    play(scenario)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_answered_405(method: str) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client.request(method, WRITE) as response:
            assert response.status == 405

    play(scenario)


@pytest.mark.parametrize(
    ("headers", "tenant"),
    [
        ({}, "default"),
        ({"X-Scope-OrgID": "a"}, "a"),
        ({"x-scope-orgid": "A_b-c.d"}, "A_b-c.d"),
        ({"THANOS-TENANT": "t"}, "t"),
        ({"THANOS-TENANT": "t", "X-Scope-OrgID": "a"}, "a"),
    ],
)
def test_the_tenant_comes_from_the_headers(headers: dict[str, str], tenant: str) -> None:
    async def scenario(scene: Scene) -> None:
        assert (await scene.post(headers=headers))[0] == 204
        assert scene.database.seen[0][0] == tenant

    play(scenario)


@pytest.mark.parametrize("tenant", ["", "a|b", "..", "a/b", "x" * 151])
def test_a_bad_tenant_is_answered_400(tenant: str) -> None:
    async def scenario(scene: Scene) -> None:
        status, _, text = await scene.post(headers={"X-Scope-OrgID": tenant})
        assert (status, scene.database.seen) == (400, [])
        assert "tenant" in text

    play(scenario)


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        (BODY, {"Content-Type": "application/json"}, 415, "Content-Type 'application/json'"),
        (b"\0" * 9, {"Content-Type": "image/png"}, 415, "image/png"),
        (BODY, {"Content-Encoding": "gzip"}, 415, "Content-Encoding 'gzip'"),
        (BODY, {"Content-Encoding": "deflate"}, 415, "Content-Encoding 'deflate'"),
        (BODY, {"Content-Encoding": "zstd"}, 400, "no zstd frame"),
        (BODY, {"Content-Type": "application/x-protobuf;proto=x"}, 415, "unknown message 'x'"),
        (b"0" + BODY[1:], {}, 400, "corrupt body"),
        (b"\xff" + BODY[1:], {}, 400, "corrupt body"),
        (b"", {}, 400, "empty body"),
        (compressed(b"\x0a\xff"), {}, 400, "corrupt body at byte 0 of 2"),
        (b"\xff\xff\xff\xff\x0f", {}, 413, "write.max-decoded-bytes"),
    ],
)
def test_bad_requests_are_refused_whole(
    body: bytes, headers: dict[str, str], status: int, text: str
) -> None:
    async def scenario(scene: Scene) -> None:
        answer = await scene.post(body, headers)
        assert (answer[0], scene.database.seen) == (status, [])
        assert text in answer[2]
        assert answer[1]["Content-Type"].startswith("text/plain")
        assert scene.value("cupola_write_requests_total", code=str(status)) == 1

    play(scenario)


@pytest.mark.parametrize(
    ("data", "times"),
    [
        (b"", None),
        (message(3, b""), None),
        (message(3, message(2, b"up")), []),
        (series(UP, [], message(3, b"")), []),
        (series(UP, []), []),
        (series(UP, [], message(4, tag(15, 0) + b"\x05")), [5]),
    ],
)
def test_all_requests_with_anything_to_store_reach_the_database(
    data: bytes, times: list[int] | None
) -> None:
    async def scenario(scene: Scene) -> None:
        assert (await scene.post(compressed(data)))[0] == 204
        assert scene.database.seen == ([] if times is None else [("default", times)])

    play(scenario)


SECOND = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
BAD_EXEMPLAR = Reject("symbol_reference", 1, "exemplar refused")
LONG_EXEMPLAR = Reject("exemplar_labels_too_long", 1, "exemplar refused")


@pytest.mark.parametrize(
    ("outcome", "status", "written"),
    [
        (Outcome(5), 204, ("5", "0", "0")),
        (Outcome(5, (), 2, 3), 204, ("3", "2", "3")),
        (Outcome(5, (Reject("too_old", 1, "x"),), 2), 400, ("3", "2", "0")),
        (Outcome(5, exemplars=1, exemplar_rejects=(BAD_EXEMPLAR,)), 400, ("5", "0", "1")),
        (Outcome(5, exemplars=1, exemplar_rejects=(LONG_EXEMPLAR,)), 204, ("5", "0", "1")),
    ],
)
def test_remote_write_2_is_told_what_was_written(
    outcome: Outcome, status: int, written: tuple[str, ...]
) -> None:
    body = compressed(message(4, b"") + message(5, b""))

    async def scenario(scene: Scene) -> None:
        got, headers, _ = await scene.post(body, {"Content-Type": SECOND})
        assert (got, tuple(headers[name] for name in WRITTEN_HEADERS)) == (status, written)
        assert not {*WRITTEN_HEADERS} & {*(await scene.post())[1]}

    play(scenario, FakeDatabase(outcome))


def test_zstd_is_understood_in_both_versions() -> None:
    first = bytes(cramjam.zstd.compress(series(UP, [(1, 2), (3, 4)])))
    second = message(5, message(2, tag(2, 0) + b"\x07"))

    async def scenario(scene: Scene) -> None:
        zstd = {"Content-Encoding": "zstd"}
        assert (await scene.post(first, zstd))[0] == 204
        body = bytes(cramjam.zstd.compress(second))
        assert (await scene.post(body, zstd | {"Content-Type": SECOND}))[0] == 204
        assert scene.database.seen == [("default", [1, 3]), ("default", [7])]

    play(scenario)


def test_an_empty_request_of_remote_write_2_has_written_nothing() -> None:
    async def scenario(scene: Scene) -> None:
        status, headers, _ = await scene.post(compressed(b""), {"Content-Type": SECOND})
        assert (status, [headers[name] for name in WRITTEN_HEADERS]) == (204, ["0"] * 3)

    play(scenario)


def test_refused_samples_are_answered_400_with_all_reasons_in_the_first_line() -> None:
    rejects = (Reject("too_old", 2, "older than x"), Reject("duplicate", 1, "other value"))

    async def scenario(scene: Scene) -> None:
        status, _, text = await scene.post()
        assert status == 400
        assert text == (
            "too_old 2, duplicate 1: older than x\nother value\n7 samples were accepted\n"
        )

    play(scenario, FakeDatabase(Outcome(7, rejects)))


def test_refusals_are_entered_into_the_ledger_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rejects = (Reject("too_old", 2, "older than x", (Example({"a": "b"}, 1, 2.0),)),)

    async def scenario(scene: Scene) -> None:
        for _ in range(3):
            await scene.post(headers={"User-Agent": "agent/1", "X-Scope-OrgID": "t"})
            await scene.post(b"\xff", headers={"X-Scope-OrgID": "t"})
        extract = scene.ledger.extract(["t"], Wanted())
        assert {(e.reason, e.count, e.sender.address) for e in extract.entries} == {
            ("too_old", 3, "127.0.0.1"),
            ("corrupt", 3, "127.0.0.1"),
        }
        assert extract.entries[1].sender.user_agent == "agent/1"
        assert {(t.reason, t.count) for t in extract.tallies} == {("too_old", 6), ("corrupt", 3)}

    with caplog.at_level("WARNING"):
        play(scenario, FakeDatabase(Outcome(7, rejects)))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("samples refused tenant=t")
    assert lines[1].startswith("write failed tenant=t code=400")


@pytest.mark.parametrize(
    ("error", "status"),
    [(Overloaded("queue full"), 503), (LogFailed("disk"), 503), (CorruptBatch("labels"), 400)],
)
def test_failures_of_the_database(error: StorageError, status: int) -> None:
    async def scenario(scene: Scene) -> None:
        answer = await scene.post()
        assert (answer[0], answer[2]) == (status, f"{error}\n")
        assert ("Retry-After" in answer[1]) == (status == 503)
        if status == 503:
            assert 1 <= int(answer[1]["Retry-After"]) <= 5
        assert scene.value("cupola_write_failed_requests_total", reason=error.reason) == 1

    play(scenario, FakeDatabase(error))


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_a_chunked_body_is_read_whole() -> None:
    async def scenario(scene: Scene) -> None:
        data = compressed(b"".join(series(UP, [(i, i)]) for i in range(5_000)))
        async with scene.client.post(WRITE, data=in_pieces(data, 999), headers=HEADERS) as response:
            assert response.status == 204
        assert scene.database.seen[0][1] == list(range(5_000))

    play(scenario)


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    options = WriteOptions(body_bytes_max=50)

    async def scenario(scene: Scene) -> None:
        status, _, text = await scene.post(bytes(51))
        assert (status, "51 bytes" in text, "write.max-body-bytes" in text) == (413, True, True)
        endless = in_pieces(bytes(10_000), 100)
        async with scene.client.post(WRITE, data=endless, headers=HEADERS) as response:
            assert response.status == 413
        assert (await scene.post())[0] == 204

    play(scenario, options=options)


def test_a_large_body_is_decoded_in_a_thread_and_a_small_one_at_once() -> None:
    large = compressed(series([(b"a", bytes(2 << 20))], [(1, 1)]))

    async def scenario(scene: Scene) -> None:
        scene.handler.kernels_warm = True
        assert (await scene.post(large))[0] == 204
        assert (await scene.post())[0] == 204
        assert [times for _, times in scene.database.seen] == [[1], [1, 3]]

    play(scenario)


def test_a_body_that_is_alone_or_small_is_decoded_by_the_loop_and_others_by_threads() -> None:
    large = compressed(series([(b"a", bytes(HANDOVER_BYTES_MIN))], [(1, 1)]))
    small = compressed(series([(b"a", b"b")], [(1, 1)]))

    async def scenario(scene: Scene) -> None:
        handed = 0
        run = scene.handler.threads.run

        def counted(work: Any, *arguments: Any) -> Any:
            nonlocal handed
            handed += 1
            return run(work, *arguments)

        scene.handler.threads.run = counted  # type: ignore[method-assign]
        scene.handler.kernels_warm = True
        assert (await scene.post(large))[0] == 204
        assert handed == 0, "alone"
        scene.database.gate = asyncio.Event()
        posts = [asyncio.ensure_future(scene.post(body)) for body in (large, large, large, small)]
        while len(scene.database.seen) < 1 + len(posts):
            await asyncio.sleep(0.001)
        assert handed == 2, "all that were large but for the first"
        scene.database.gate.set()
        assert [(await post)[0] for post in posts] == [204] * len(posts)

    play(scenario)


def test_above_the_limit_of_requests_the_answer_is_503() -> None:
    options = WriteOptions(inflight_requests_max=1)

    async def scenario(scene: Scene) -> None:
        scene.database.gate = asyncio.Event()
        first = asyncio.ensure_future(scene.post())
        while not scene.database.seen:
            await asyncio.sleep(0.001)
        assert scene.value("cupola_write_inflight_requests") == 1
        status, headers, text = await scene.post()
        assert (status, "write.max-inflight-requests" in text) == (503, True)
        assert "Retry-After" in headers
        scene.database.gate.set()
        assert (await first)[0] == 204
        assert (await scene.post())[0] == 204
        assert scene.value("cupola_write_inflight_requests") == 0

    play(scenario, options=options)


def test_above_the_limit_of_bytes_the_answer_is_503() -> None:
    options = WriteOptions(inflight_bytes_max=2 * len(BODY))

    async def scenario(scene: Scene) -> None:
        scene.database.gate = asyncio.Event()
        first = asyncio.ensure_future(scene.post())
        while not scene.database.seen:
            await asyncio.sleep(0.001)
        assert "write.max-inflight-bytes" in (await scene.post())[2]
        scene.database.gate.set()
        assert (await first)[0] == 204
        assert scene.value("cupola_write_inflight_bytes") == 0

    play(scenario, options=options)


def test_a_body_that_does_not_arrive_is_answered_503() -> None:
    options = WriteOptions(read_timeout_ms=20)

    async def scenario(scene: Scene) -> None:
        never = asyncio.Event()

        async def stalled() -> AsyncIterator[bytes]:
            yield BODY[:5]
            await never.wait()

        async with scene.client.post(WRITE, data=stalled(), headers=HEADERS) as response:
            assert response.status == 503
            assert "write.read-timeout" in await response.text()
            assert "Retry-After" in response.headers
        assert scene.value("cupola_write_inflight_requests") == 0

    play(scenario, options=options)


def test_a_sender_that_leaves_gives_back_what_it_held() -> None:
    async def scenario(scene: Scene) -> None:
        port = scene.client.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
        writer.write(
            f"POST {WRITE} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 99\r\n\r\n".encode()
        )
        writer.write(b"abc")
        await writer.drain()
        while not scene.value("cupola_write_inflight_bytes"):
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        while scene.value("cupola_write_inflight_requests"):
            await asyncio.sleep(0.001)
        assert scene.value("cupola_write_inflight_bytes") == 0
        assert reader is not None

    play(scenario)
