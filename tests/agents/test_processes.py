"""A server of three processes: to its clients it is one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.processes import free_ports
from compose.scene import cupola_server
from receiver.access.grants import EVERYTHING
from receiver.processes.identity import GRANT_HEADER, PART_HEADER, encoded
from storage.tenants.placement import shard_of
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.processes.asking import PATIENCE_S, SAMPLES, Asking, begun, until

PROCESSES, SHARDS = 3, 4
TENANTS = [f"tenant-{n}" for n in range(12)]
TOKENS = {"all": '{tenants: "*", rights: [read, write, metrics, admin, rules]}',
          "one": "{tenant: tenant-1, rights: [read, write]}",
          "some": "{tenants: [tenant-1, tenant-2], rights: [read]}"}  # fmt: skip


def process_of(tenant: str) -> int:
    return shard_of(tenant, SHARDS) % PROCESSES


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    directory = tmp_path_factory.mktemp("processes")
    auth = directory / "auth.yml"
    auth.write_text("tokens:\n" + "".join(
        f"  {name}: {{sha256: {hashlib.sha256(name.encode()).hexdigest()}, {grant[1:]}\n"
        for name, grant in TOKENS.items()
    ))  # fmt: skip
    (directory / "limits.yml").write_text("")
    (port,) = free_ports(0)
    server = cupola_server(
        directory, f"--processes={PROCESSES}", f"--storage.shards={SHARDS}",
        f"--auth.file={auth}", f"--limits.file={directory / 'limits.yml'}",
        "--reload-interval=1h", "--web.enable-admin-api=true", port=port,
    )  # fmt: skip
    with server.start():
        yield begun(Asking(server.wait_ready()))
        if server.running:
            assert server.stop(120.0) == 0, server.log_tail()


@pytest.fixture(scope="module")
def written(asking: Asking) -> int:
    """The moment of the newest sample of each tenant; its value is the tenant's place."""
    now_ms = time.time_ns() // 1_000_000
    for value, tenant in enumerate(TENANTS):
        answer = asking.write(tenant, now_ms, float(value))
        assert answer.status == 204, answer
    return now_ms


@pytest.mark.usefixtures("written")
def test_what_any_process_takes_any_process_answers(asking: Asking) -> None:
    assert {process_of(tenant) for tenant in TENANTS} == set(range(PROCESSES))
    for _ in range(4):
        for value, tenant in enumerate(TENANTS):
            answer = asking.query(tenant, "up")
            assert answer.status == 200, answer
            (row,) = answer.data["result"]
            assert (row["metric"]["tenant"], row["value"][1]) == (tenant, str(value))


@pytest.mark.usefixtures("written")
def test_what_is_of_all_is_of_all(asking: Asking) -> None:
    assert asking.ask("GET", "/api/v1/status/tenants").data == {"tenants": sorted(TENANTS)}
    for tenant in TENANTS[:3]:
        assert asking.metric("cupola_ingested_samples_total", tenant=tenant) == SAMPLES
    assert asking.metric("cupola_ready") == 1
    assert asking.metric("cupola_processes") == PROCESSES
    assert asking.metric("cupola_process_open") == PROCESSES
    cluster = asking.cluster()
    assert [p["state"] for p in cluster["processes"]] == ["open"] * PROCESSES
    assert sorted(s for p in cluster["processes"] for s in p["shards"]) == list(range(SHARDS))
    assert cluster["parent"]["pid"] == asking.server.pid
    replay = asking.ask("GET", "/api/v1/status/walreplay").data
    assert replay == {"min": 0, "max": SHARDS, "current": SHARDS}


@pytest.mark.usefixtures("written")
def test_tenants_of_one_process_and_of_several_are_asked_together(asking: Asking) -> None:
    first = TENANTS[0]
    near = next(t for t in TENANTS[1:] if process_of(t) == process_of(first))
    far = next(t for t in TENANTS[1:] if process_of(t) != process_of(first))
    for named in (f"{first}|{near}", f"{first}|{far}"):
        for _ in range(6):
            found = asking.query(named, "count(up)")
            assert [row["value"][1] for row in found.data["result"]] == ["2"]
    refused = asking.ask("GET", "/api/v1/rules", f"{first}|{far}")
    assert (refused.status, json.loads(refused.body)["errorType"]) == (422, "execution")
    assert f"process {process_of(far)}: {far}" in json.loads(refused.body)["error"]
    # A token that may not read one of them reads none.
    assert asking.query(f"{first}|{far}", "up", token="some").status == 403


@pytest.mark.usefixtures("written")
def test_who_is_asking_goes_with_the_request(asking: Asking) -> None:
    for _ in range(8):
        # The tenant is that of the token, whatever the request says.
        answer = asking.query(TENANTS[0], "up", token="one")
        assert [row["value"][1] for row in answer.data["result"]] == ["1"]
        assert asking.query(TENANTS[0], "up", token="some").status == 403
        assert asking.query(TENANTS[2], "up", token="some").status == 200
        told = asking.ask("GET", "/api/v1/status/tenants", TENANTS[2], token="some")
        assert told.data == {"tenants": TENANTS[1:3]}


@pytest.mark.usefixtures("written")
def test_no_client_can_say_who_it_is_as_processes_do(asking: Asking) -> None:
    forged = {GRANT_HEADER: encoded(EVERYTHING), PART_HEADER: "1"}
    for _ in range(8):
        assert asking.query(TENANTS[0], "up", token="", **forged).status == 401
        assert asking.query(TENANTS[0], "up", token="some", **forged).status == 403
        # It does not get the part of one process for the whole either.
        told = asking.ask("GET", "/api/v1/status/tenants", **forged)
        assert told.data == {"tenants": sorted(TENANTS)}


@pytest.mark.usefixtures("written")
def test_errors_and_empty_answers_pass_through(asking: Asking) -> None:
    for tenant in TENANTS[:6]:
        assert asking.query(tenant, "up{").status == 400
        deleting = "/api/v1/admin/tsdb/delete_series?match[]=nothing"
        assert asking.ask("POST", deleting, tenant).status == 204
        bad = asking.ask("POST", "/api/v1/write", tenant, body=b"\xff\xff", **HEADERS)
        assert bad.status == 400
        head = asking.ask("HEAD", "/api/v1/query?query=up", tenant)
        assert (head.status, head.body) == (200, b"")
    assert asking.query("..", "up").status == 400


def test_large_answers_are_streamed(asking: Asking) -> None:
    now_ms = time.time_ns() // 1_000_000
    series = [
        ({"__name__": "wide", "n": str(n), "filling": "x" * 200}, [(now_ms, float(n))])
        for n in range(20_000)
    ]
    for tenant in TENANTS[:3]:
        answer = asking.ask("POST", "/api/v1/write", tenant, body=encode(series), **HEADERS)
        assert answer.status == 204
        for encoding in ("identity", "gzip"):
            answer = asking.query(tenant, "wide", Accept_Encoding=encoding)
            assert answer.status == 200
            assert ("Content-Encoding" in answer.headers) == (encoding == "gzip")
            if encoding == "identity":
                assert len(answer.data["result"]) == len(series)


def test_a_reload_reaches_all(asking: Asking) -> None:
    limits = Path(asking.server.log.parent / "limits.yml")
    new = limits.with_suffix(".new")
    new.write_text("limits: {max_global_series_per_user: 12345}\n")
    new.replace(limits)
    os.kill(asking.server.pid, signal.SIGHUP)

    def is_everywhere() -> bool:
        told = [asking.ask("GET", "/api/v1/user_limits", TENANTS[0]) for _ in range(12)]
        return all(json.loads(t.body)["max_global_series_per_user"] == 12345 for t in told)

    until(is_everywhere)


@pytest.mark.usefixtures("written")
def test_a_process_that_dies_takes_no_one_with_it(asking: Asking) -> None:
    number = process_of(TENANTS[0])
    spared = [tenant for tenant in TENANTS if process_of(tenant) != number]
    counted = {t: asking.metric("cupola_ingested_samples_total", tenant=t) for t in TENANTS}
    before = asking.cluster()["processes"][number]
    refused: list[int] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            try:
                status = asking.query(TENANTS[0], "up").status
            except OSError:  # the connection was with the process that died
                continue
            if status != 200:
                refused.append(status)

    asker = threading.Thread(target=ask_on)
    asker.start()
    try:
        os.kill(before["pid"], signal.SIGKILL)
        until(lambda: bool(refused))
        for tenant in spared * 3:
            try:
                answer = asking.query(tenant, "count(up)")
            except OSError:
                continue
            assert [row["value"][1] for row in answer.data["result"]] == ["1"]
        until(lambda: asking.ask("GET", "/-/ready").status == 200)
    finally:
        is_over.set()
        asker.join()
    assert set(refused) == {503}
    after = asking.cluster()["processes"][number]
    assert (after["restarts"], after["state"]) == (before["restarts"] + 1, "open")
    assert after["pid"] != before["pid"]
    answer = asking.query(TENANTS[0], "count_over_time(up[1h])")
    assert [row["value"][1] for row in answer.data["result"]] == [str(SAMPLES)]
    # No counter falls.
    for tenant, count in counted.items():
        assert asking.metric("cupola_ingested_samples_total", tenant=tenant) >= count


@pytest.mark.usefixtures("written")
def test_without_their_parent_all_end_by_themselves(asking: Asking) -> None:
    pids = [process["pid"] for process in asking.cluster()["processes"]]
    asking.server.kill()
    until(lambda: not [pid for pid in pids if os.path.exists(f"/proc/{pid}")])
    asking.server.start().wait_ready()
    answer = asking.query(TENANTS[7], "up[1h]")
    assert len(answer.data["result"][0]["values"]) == SAMPLES


def test_all_end_together(asking: Asking) -> None:
    pids = [process["pid"] for process in asking.cluster()["processes"]]
    assert asking.server.stop(PATIENCE_S) == 0, asking.server.log_tail()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
