"""What one request, and all of them together, may hold and how long they may take."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from receiver.settings.options import WriteOptions
from receiver.write.handler import HANDOVER_BYTES_MIN
from tests.makers.write_scene import (
    BODY,
    HEADERS,
    UP,
    WRITE,
    Scene,
    compressed,
    play,
)
from tests.twins.wire.v1 import series


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
