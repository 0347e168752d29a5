"""Answers that depend on the protocol: VictoriaMetrics' probe, and counts of what was written."""

from __future__ import annotations

import cramjam
import pytest

from receiver.errors import CorruptBody, RateLimited, TooLarge
from receiver.write.handler import PROBE_HEADER, WRITTEN_HEADERS
from storage.batch import Outcome, Reject
from storage.errors import LimitExceeded, Overloaded, StorageError
from tests.makers.write_scene import SECOND, FakeDatabase, Scene, compressed, play
from tests.twins.wire.v1 import message, series

UP = [(b"__name__", b"up")]
PLAIN = series(UP, [(1, 2), (3, 4)])
ZSTD = {"Content-Encoding": "zstd"}
PROBE = ZSTD | {PROBE_HEADER: "1"}
REFUSED = Outcome(1, (Reject("too_old", 1, "older than x"),))


@pytest.mark.parametrize(
    ("headers", "answer", "status"),
    [
        (PROBE, None, 204),
        (PROBE, REFUSED, 409),
        ({PROBE_HEADER: "1", "Content-Encoding": " ZSTD"}, REFUSED, 409),
        (PROBE, LimitExceeded("no room"), 409),
        (PROBE | {"X-Scope-OrgID": "a|b"}, None, 409),
        (PROBE, Overloaded("full"), 503),
        (PROBE, RateLimited("fast", status=429, retry_after_s=1), 429),
        (PROBE, TooLarge("large"), 413),
        (PROBE, CorruptBody("corrupt"), 400),
        (ZSTD, REFUSED, 400),
        ({PROBE_HEADER: "1"}, REFUSED, 400),
        ({}, REFUSED, 400),
    ],
)
def test_a_probe_for_zstd_is_not_ended_by_what_is_in_a_request(
    headers: dict[str, str], answer: Outcome | StorageError | None, status: int
) -> None:
    compress = cramjam.zstd.compress if "Content-Encoding" in headers else compressed

    async def scenario(scene: Scene) -> None:
        got, _, text = await scene.post(bytes(compress(PLAIN)), headers)
        assert (got, bool(text)) == (status, status != 204)
        assert scene.value("cupola_write_requests_total", code=str(status)) == 1

    play(scenario, FakeDatabase(answer))


def test_a_probe_that_cannot_be_read_is_ended() -> None:
    async def scenario(scene: Scene) -> None:
        assert (await scene.post(compressed(PLAIN), PROBE))[0] == 400
        assert (await scene.post(b"x", PROBE | {"Content-Encoding": "br"}))[0] == 415

    play(scenario)


@pytest.mark.parametrize("encoding", [None, "snappy"])
def test_a_zstd_frame_is_one_whatever_the_headers_say(encoding: str | None) -> None:
    async def scenario(scene: Scene) -> None:
        headers = {} if encoding is None else {"Content-Encoding": encoding}
        assert (await scene.post(bytes(cramjam.zstd.compress(PLAIN)), headers))[0] == 204
        assert scene.database.seen == [("default", [1, 3])]

    play(scenario)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (compressed(b"\x22\x7f"), {}, 400),
        (b"\xff", {}, 400),
        (b"", {}, 400),
        (b"\xff\xff\xff\xff\x0f", {}, 413),
        (compressed(message(4, b"")), {"Content-Encoding": "gzip"}, 415),
        (compressed(message(4, b"")), {"X-Scope-OrgID": "a|b"}, 400),
        (compressed(message(4, b"") + message(5, b"")), {}, 503),
    ],
)
def test_a_request_of_remote_write_2_that_fails_has_written_nothing(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    async def scenario(scene: Scene) -> None:
        got, found, _ = await scene.post(body, {"Content-Type": SECOND} | headers)
        assert (got, [found[name] for name in WRITTEN_HEADERS]) == (status, ["0"] * 3)
        assert not {*WRITTEN_HEADERS} & {*(await scene.post(b"\xff"))[1]}

    play(scenario, FakeDatabase(Overloaded("full")))
