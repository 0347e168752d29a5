"""Queries over tenants of several processes: three processes answer as one does, to the byte."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import snappy

from compose.processes import free_ports
from compose.scene import cupola_server
from tests.makers.bodies import remote_read
from tests.makers.bodies.mixed import HEADERS_2
from tests.makers.processes.apart import PROCESSES, of_each_process
from tests.makers.processes.asking import PATIENCE_S, Answer, Asking, begun, until
from tests.makers.processes.scene import scene_body

SHARDS = 4
TENANTS = of_each_process(SHARDS)
ALL = "|".join(TENANTS)
# A while ago, so that answers do not depend on when they are asked for.
NOW_MS = (time.time_ns() // 1_000_000 // 60_000 - 20) * 60_000
NOW_S = NOW_MS // 1_000


def started(directory: Path, processes: int) -> Iterator[Asking]:
    (port,) = free_ports(0)
    made = cupola_server(
        directory, f"--processes={processes}", f"--storage.shards={SHARDS}",
        "--dedup.replica-labels=replica", "--web.enable-admin-api=true", port=port,
    )  # fmt: skip
    with made.start():
        asking = begun(Asking(made.wait_ready()))
        for number, tenant in enumerate(TENANTS):
            body = snappy.compress(scene_body(number, NOW_MS))
            answer = asking.ask("POST", "/api/v1/write", tenant, token="", body=body, **HEADERS_2)
            assert answer.status == 204, answer
        yield asking
        if made.running:
            assert made.stop(120.0) == 0, made.log_tail()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    yield from started(tmp_path_factory.mktemp("one"), 1)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    yield from started(tmp_path_factory.mktemp("three"), PROCESSES)


def url(name: str, **params: Any) -> str:
    return f"/api/v1/{name}?" + urllib.parse.urlencode(params, doseq=True)


def ranges(query: str, **more: Any) -> str:
    times = {"start": NOW_S - 900, "end": NOW_S, "step": 30}
    return url("query_range", query=query, **times, **more)


def instant(query: str, **more: Any) -> str:
    return url("query", query=query, time=NOW_S, **more)


AROUND = {"start": NOW_S - 900, "end": NOW_S}
COUNTERS = ["requests_total", 'latency{job!=""}']
URLS = [
    instant("requests_total"), instant("requests_total", dedup="false"), instant("latency"),
    instant("sum(wide) - avg(wide)"), instant("topk(5, wide)"), instant("requests_total[1m]"),
    instant("count by (__tenant_id__) ({__name__!=''})"), instant("not_a_number"),
    instant("requests_total", provenance="true"), instant("{"),
    instant("requests_total", **{"dedup.algorithm": "penalty"}),
    ranges("requests_total"), ranges("sum(rate(requests_total[2m]))"),
    ranges("rate(requests_total[2m])", dedup="false"), ranges("gone"), ranges("wide"),
    ranges("histogram_quantile(0.9, sum by (__tenant_id__) (rate(latency[5m])))"),
    ranges(f'requests_total{{__tenant_id__="{TENANTS[1]}"}}'),
    ranges(f'requests_total{{__tenant_id__!="{TENANTS[0]}"}} unless gone'),
    ranges("max by (job) (requests_total)"),
    url("series", **{"match[]": COUNTERS}, **AROUND), url("series", **{"match[]": "wide"}),
    url("labels", **AROUND), url("labels", **{"match[]": COUNTERS}, **AROUND),
    url("label/job/values", **AROUND), url("label/__tenant_id__/values", **AROUND),
    url("label/n/values", limit="20", **AROUND), url("metadata"),
    url("metadata", metric="requests_total"),
    url("query_exemplars", query="requests_total", **AROUND),
    url("status/cardinality", **AROUND), url("status/replicas", **AROUND),
    url("cardinality/label_names"), url("cardinality/label_values", **{"label_names[]": "job"}),
    url("status/deletions"), url("status/tsdb"), url("rules/changes"), "/config/v1/rules",
    url("query_explain", query="sum(requests_total)", time=NOW_S),
    "/federate?" + urllib.parse.urlencode({"match[]": "wide"}),
]  # fmt: skip


# What is computed by several JSON writers, or says how long it took.
PARSED = ("explain", "status/deletions", "status/tsdb")
MEASURED = ("executionTime", "minTime", "maxTime", "seconds", "ownSeconds", "timings")


def shown(answer: Answer) -> tuple[int, Any]:
    """What is to be equal of an answer."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return answer.status, answer.body
    return answer.status, timeless(document)


def timeless(value: Any) -> Any:
    """A document without what was measured."""
    if isinstance(value, dict):
        return {name: timeless(each) for name, each in value.items() if name not in MEASURED}
    return [timeless(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("asked", URLS, ids=range(len(URLS)))
def test_three_processes_answer_as_one_does(one: Asking, three: Asking, asked: str) -> None:
    expected = one.ask("GET", asked, ALL, token="")
    for _ in range(4):
        answer = three.ask("GET", asked, ALL, token="")
        if any(name in asked for name in PARSED):
            assert shown(answer) == shown(expected)
        else:
            assert (answer.status, answer.body) == (expected.status, expected.body)


@pytest.mark.parametrize("types", [(), (1,)], ids=["samples", "streamed"])
def test_remote_read_is_answered_as_by_one(one: Asking, three: Asking, types: Any) -> None:
    some = [("__name__", "=~", "requests_total|wide")]
    wanted = remote_read.query(some, NOW_MS - 900_000, NOW_MS)
    body = remote_read.request([wanted], types)
    for _ in range(4):
        answers = [
            each.ask("POST", "/api/v1/read", ALL, token="", body=body, **remote_read.HEADERS)
            for each in (one, three)
        ]
        assert [answer.status for answer in answers] == [200, 200]
        assert answers[0].body == answers[1].body


def test_what_deletes_is_for_one_tenant_as_ever(one: Asking, three: Asking) -> None:
    deleting = url("admin/tsdb/delete_series", **{"match[]": "wide"})
    expected, answer = (each.ask("POST", deleting, ALL, token="") for each in (one, three))
    assert (answer.status, answer.body) == (expected.status, expected.body)
    assert answer.status == 400


def test_statistics_and_lists_of_queries_are_of_all(one: Asking, three: Asking) -> None:
    counts = [each.ask("GET", url("user_stats"), ALL, token="") for each in (one, three)]
    numbers = [json.loads(answer.body)["numSeries"] for answer in counts]
    assert numbers[0] == numbers[1] > 0
    for listed in ("active_queries", "slow_queries"):
        assert three.ask("GET", url(f"status/{listed}"), ALL, token="").data == {"queries": []}
    for number in ("0", "1", "2", "x"):
        stopped = three.ask("DELETE", f"/api/v1/status/active_queries/{number}", ALL, token="")
        assert stopped.status == 404


def memory_of_reads(asking: Asking) -> list[str]:
    """The mappings of the server's processes that came from another one."""
    found = []
    for process in asking.cluster()["processes"]:
        lines = Path(f"/proc/{process['pid']}/maps").read_text().splitlines()
        found += [line for line in lines if "memfd:cupola-read" in line]
    return found


def test_nothing_of_what_was_read_stays(three: Asking) -> None:
    for _ in range(6):
        assert three.ask("GET", instant("count(wide)"), ALL, token="").status == 200
    until(lambda: not memory_of_reads(three))
    assert not list(Path("/dev/shm").glob("cupola*"))


def test_an_owner_that_is_killed_is_missed_and_comes_back(three: Asking) -> None:
    expected = three.ask("GET", ranges("sum by (job) (requests_total)"), ALL, token="")
    victim = three.cluster()["processes"][1]
    answers: list[Answer] = []
    is_over = threading.Event()

    def ask_on() -> None:
        while not is_over.is_set():
            try:
                asked = ranges("sum by (job) (requests_total)", timeout="60s")
                answers.append(three.ask("GET", asked, ALL, token=""))
            except OSError:  # the connection was with the process that died
                continue

    askers = [threading.Thread(target=ask_on) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        until(lambda: len(answers) > 4)
        os.kill(victim["pid"], signal.SIGKILL)
        until(lambda: any(answer.status == 503 for answer in answers))
        until(lambda: three.ask("GET", "/-/ready").status == 200)
    finally:
        is_over.set()
        for asker in askers:
            asker.join(PATIENCE_S)
    assert {answer.status for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status == 200:
            assert answer.body == expected.body
        else:
            assert json.loads(answer.body)["errorType"] == "unavailable"
    assert any(b"process 1 of this server" in answer.body for answer in answers)
    again = three.ask("GET", ranges("sum by (job) (requests_total)"), ALL, token="")
    assert again.body == expected.body
    until(lambda: not memory_of_reads(three))
