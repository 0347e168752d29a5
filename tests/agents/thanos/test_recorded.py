"""Cupola over recorded stores of Thanos answers as the real thanos query did over the same stores.

The programs are not needed: tests/recorded/thanos has what they said, and its README how it is
made again.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import snappy

from tests.agents.thanos.test_query import data_of, plain
from tests.agents.thanos.test_sidecar import has_stores, until
from tests.api.endpoints.test_remote_read import post
from tests.makers.bodies.remote_read import Point, signed
from tests.makers.bodies.rich import body_v1
from tests.makers.bodies.v1 import fields_of
from tests.makers.real_api import RealApi, ServedProgram
from tests.makers.thanos.client import Answer, StoreClient, read_answer, read_texts
from tests.makers.thanos.conversations import ONE_ANSWER, Conversation, load, replay
from tests.makers.thanos.program import run_store
from tests.makers.thanos.scenes import (
    REPLICAS,
    asked_lists,
    asked_queries,
    cupolas,
    series_of,
)

ANSWERS = {
    (path, json.dumps(params, sort_keys=True)): data for path, params, data in load("answers")
}
TOLERANCE = 1e-12
SERIES = "/thanos.Store/Series"


def answered(path: str, params: dict[str, Any]) -> Any:
    """What thanos query answered."""
    return ANSWERS[path, json.dumps(params, sort_keys=True)]


async def nothing(api: RealApi) -> None:
    """The server has no data of its own."""


@pytest.fixture(scope="module")
def cupola(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProgram]:
    with ExitStack() as stack:
        addresses = []
        for document in load("to-cupola").values():
            served = replay(Conversation.of(document))
            stack.callback(served.stop)
            addresses.append(served.address)
        settings = {
            "storage.path": str(tmp_path_factory.mktemp("recorded")),
            "stores.endpoints": ",".join(addresses),
            "dedup.replica-labels": "replica",
        }
        program = stack.enter_context(ServedProgram(settings, nothing))
        until(lambda: has_stores(program, "sidecar", 2), "no sidecars")
        until(lambda: has_stores(program, "store", 1), "no store")
        yield program


def close(a: Any, b: Any) -> bool:
    """Whether values are the same, numbers as texts to the last digits."""
    if isinstance(a, str) and isinstance(b, str):
        try:
            x, y = float(a), float(b)
        except ValueError:
            return a == b
        return math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=TOLERANCE) or (x != x and y != y)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    return bool(a == b)


def asked_id(asked: tuple[str, dict[str, Any]]) -> str:
    path, params = asked
    return "-".join([path, *(str(each) for each in params.values())])


@pytest.mark.parametrize("asked", asked_queries(), ids=asked_id)
def test_queries_are_answered_as_by_thanos(
    cupola: ServedProgram, asked: tuple[str, dict[str, Any]]
) -> None:
    path, params = asked
    theirs = answered(path, params)
    ours = data_of(cupola.url, path, **cupolas(params))
    assert ours["resultType"] == theirs["resultType"]
    mine, other = plain(ours["result"]), plain(theirs["result"])
    assert sorted(mine) == sorted(other)
    for labels, points in mine.items():
        assert close(points, other[labels]), (labels, points, other[labels])


ALERTS = ("labels", "annotations", "state")
RULE = ("type", "name", "query", "labels", "health", "state", "annotations", "duration")
TARGET = ("scrapeUrl", "scrapePool", "health", "labels", "discoveredLabels", "lastError")


def ruled(data: Any) -> Any:
    """Rules and their alerts, without the times of one of the replicas."""
    return [
        (
            group["name"],
            group["file"],
            group["interval"],
            [[rule.get(key) for key in RULE] for rule in in_order(group["rules"])],
            [
                [alert[key] for key in ALERTS]
                for rule in in_order(group["rules"])
                for alert in rule.get("alerts", [])
            ],
        )
        for group in data["groups"]
    ]


def in_order(rules: list[Any]) -> list[Any]:
    return sorted(rules, key=lambda rule: rule["name"])


def listed(path: str, data: Any) -> Any:
    """What is comparable of a list."""
    if path == "series":
        return sorted(sorted(each.items()) for each in data)
    if path == "rules":
        return ruled(data)
    if path == "targets":
        return [[each[key] for key in TARGET] for each in data["activeTargets"]]
    return data


@pytest.mark.parametrize("asked", asked_lists(), ids=asked_id)
def test_lists_are_those_of_thanos(
    cupola: ServedProgram, asked: tuple[str, dict[str, Any]]
) -> None:
    path, params = asked
    theirs = listed(path, answered(path, params))
    assert theirs and listed(path, data_of(cupola.url, path, **params)) == theirs


def test_requests_of_thanos_are_answered_as_by_the_sidecars(tmp_path: Path) -> None:
    """Requests as thanos query sent them, asked of Cupola with the data of both replicas."""
    beside = [Conversation.of(load("to-thanos")[f"sidecar-{name}"]).answers for name in REPLICAS]

    async def check(api: RealApi, client: StoreClient) -> None:
        for replica in REPLICAS:
            about = {"cluster": "eu", "replica": replica}
            own = [replace(each, labels=each.labels | about) for each in series_of(replica)]
            await post(api, snappy.compress(body_v1(own)), "t")
        seen: Counter[str] = Counter()
        for method, request in beside[0]:
            wanted = [each[method, request] for each in beside]
            if method == SERIES:
                answer = read_answer(await client.stream(method[1:], request))
                assert not answer.warnings
                sorted_rows = [sorted(each.labels) for each in answer.series]
                assert sorted_rows == [list(each.labels) for each in answer.series]
                found = gathered(request, [answer])
                assert found == gathered(request, [read_answer(each) for each in wanted])
                seen[method] += bool(found)
            elif method in ONE_ANSWER and "Label" in method:
                names = read_texts(await client.one(method[1:], request))
                assert names == sorted({name for each in wanted for name in read_texts(each[0])})
                seen[method] += bool(names)
        assert seen[SERIES] > 30 and len(seen) == 3

    run_store(tmp_path, check)


def gathered(request: bytes, answers: list[Answer]) -> dict[Any, Any]:
    """Samples of the times that are asked for, by label set and in order, of all answers."""
    asked = dict(fields_of(request))
    first_ms, last_ms = signed(asked.get(1, 0)), signed(asked.get(2, 0))
    found: dict[Any, list[Any]] = {}
    for answer in answers:
        for each in answer.series:
            points = [p for p in each.points() if first_ms <= p[0] <= last_ms]
            found.setdefault(each.labels, []).extend(points)
    skipped = bool(asked.get(8, 0))
    return {
        labels: sorted(map(hintless, points))
        for labels, points in found.items()
        if points or skipped
    }


def hintless(point: Point) -> str:
    """Without the hint of a histogram whether it follows on the last: of the first of a chunk that
    is not known, and chunks begin elsewhere in Prometheus."""
    return re.sub(r", hint=\d", "", repr(point))
