"""The write endpoint over a fake database, through HTTP."""

import cramjam
import pytest

from receiver.tenant_header import PREFIXES
from receiver.write.handler import PATHS, WRITTEN_HEADERS
from storage.batch import Example, Outcome, Reject
from storage.errors import CorruptBatch, LogFailed, Overloaded, StorageError
from storage.refusals.ledger import Wanted
from tests.makers.write_scene import BODY, SECOND, UP, WRITE, FakeDatabase, Scene, compressed, play
from tests.twins.wire.v1 import message, series, tag


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


def test_what_is_kept_out_is_entered_and_answered_as_success() -> None:
    kept_out = (Reject("kept_out", 2, "another value", (Example({"a": "b"}, 1, 2.0),)),)

    async def scenario(scene: Scene) -> None:
        status, _, _ = await scene.post(headers={"X-Scope-OrgID": "t"})
        assert status == 204
        (entry,) = scene.ledger.extract(["t"], Wanted()).entries
        assert (entry.reason, entry.message) == ("kept_out", "another value")

    play(scenario, FakeDatabase(Outcome(7, kept_out=kept_out)))


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
