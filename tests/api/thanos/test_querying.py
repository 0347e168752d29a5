"""Query and QueryRange over gRPC: the same values as over HTTP, and requests that cannot be."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import grpc

from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import StoreClient
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import message

QUERY, RANGE = "thanos.Query/Query", "thanos.Query/QueryRange"
TENANT = {"X-Scope-OrgID": "t"}
Points = list[tuple[int, float]]


def at(query: str, time_s: int, *, dedup: bool = True, batch: int = 0, more: bytes = b"") -> bytes:
    own = message(1, query.encode()) + integer(2, time_s) + integer(7, int(dedup)) + integer(8, 1)
    return own + message(14, message(1, b'{"plan": "is not read"}')) + integer(15, batch) + more


def over(query: str, *times_s: int, more: bytes = b"") -> bytes:
    own = b"".join(integer(k, time_s) for k, time_s in enumerate(times_s, 2))
    return message(1, query.encode()) + own + integer(9, 1) + integer(10, 1) + more


def read_series(content: bytes) -> tuple[dict[str, str], Points]:
    labels, points = {}, []
    for number, value in fields_of(content):
        own = dict(fields_of(value))
        if number == 1:
            labels[own[1].decode()] = own[2].decode()
        elif number == 2:
            (real,) = struct.unpack("<d", own[1]) if 1 in own else (0.0,)
            points.append((own.get(2, 0), real))
        else:
            points.append((own[15], "histogram"))  # type: ignore[arg-type]
    return labels, points


class Found:
    """What came: series, warnings, statistics, and the kinds of messages."""

    def __init__(self, messages: list[bytes]) -> None:
        self.series: list[tuple[dict[str, str], Points]] = []
        self.warnings: list[str] = []
        self.stats: dict[int, int] = {}
        self.kinds: list[int] = []
        for content in messages:
            ((kind, value),) = fields_of(content)
            self.kinds.append(kind)
            if kind == 1:
                self.warnings.append(value.decode())
            elif kind == 3:
                self.stats = dict(fields_of(value))
            else:
                own = [value] if kind == 2 else [each for _, each in fields_of(value)]
                self.series += map(read_series, own)


def points_of(value: list[Any]) -> Points:
    return [(round(float(t) * 1000), float(text)) for t, text in value]


async def write(api: RealApi) -> None:
    """Two replicas of three counters, each second one."""
    series = []
    for replica in "ab":
        for pod in range(3):
            labels = {"__name__": "m_total", "pod": str(pod), "replica": replica}
            series.append((labels, [(15_000 * k, float(k * (pod + 1))) for k in range(40)]))
    await api.write(*series, tenant="t")


SETTINGS = {"dedup__replica_labels": "replica"}


QUERIES = ("m_total", "sum(rate(m_total[5m]))", "7 * 6", "none", "m_total[1m]")


def test_values_at_a_time(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await write(api)
        for query in QUERIES:
            asked = api.client.get(
                "/api/v1/query", params={"query": query, "time": "590"}, headers=TENANT
            )
            async with asked as answer:
                data = (await answer.json())["data"]
            if data["resultType"] == "scalar":
                wanted = [({}, points_of([data["result"]]))]
            else:
                wanted = [
                    (own["metric"], points_of(own.get("values") or [own["value"]]))
                    for own in data["result"]
                ]
            for batch in (0, 2, 64):
                found = Found(await client.stream(QUERY, at(query, 590, batch=batch)))
                assert sorted(found.series, key=repr) == sorted(wanted, key=repr)
                count = -(-len(wanted) // batch) if batch > 1 else len(wanted)
                assert found.kinds == [4 if batch > 1 else 2] * count + [3]

    run_store(tmp_path, check, settings=SETTINGS)


def test_values_over_a_range_and_other_conditions(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await write(api)
        found = Found(await client.stream(RANGE, over("sum(m_total)", 0, 585, 15)))
        ((labels, points),) = found.series
        assert labels == {} and points == [(15_000 * k, 6.0 * k) for k in range(40)]
        # The last message says that this is all, and counts nothing: that would take longer.
        assert (found.kinds[-1], found.stats) == (3, {})
        apart = Found(await client.stream(QUERY, at("count(m_total)", 590, dedup=False)))
        assert apart.series[0][1] == [(590_000, 6.0)]
        other = Found(
            await client.stream(QUERY, at("count(m_total)", 590, more=message(5, b"pod")))
        )
        assert other.series[0][1] == [(590_000, 2.0)]  # pods as replicas, whose label stays
        short = at("m_total", 590, more=integer(12, 1))
        assert Found(await client.stream(QUERY, short)).series == []
        warned = Found(await client.stream(QUERY, at("quantile(2, m_total)", 590)))
        assert "quantile value should be between 0 and 1" in warned.warnings[0]
        assert Found(await client.stream(QUERY, at("vector(1)", 0))).series[0][1][0][0] > 10**12

    run_store(tmp_path, check, settings=SETTINGS)


REFUSED = [
    (QUERY, at("m_total{", 590), "unexpected end"),
    (QUERY, at("'text'", 590), "a text is no series"),
    (RANGE, over("m_total", 0, 10, 0), "zero or negative query resolution"),
    (RANGE, over("m_total", 10, 0, 1), "end timestamp must not be before"),
    (RANGE, over("m_total", 0, 10**6, 1), "query.max-steps"),
    (RANGE, over("m_total", 0, 1 << 62, 1), "field 3: got"),
    (QUERY, at("m_total", 590, more=message(11, integer(2, 4))), "shard_info"),
    (QUERY, b"\xff", ""),
]


def test_requests_that_are_refused(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        for method, body, text in REFUSED:
            code, said = await client.status(method, body)
            assert code is grpc.StatusCode.INVALID_ARGUMENT and text in said, (body, said)

    run_store(tmp_path, check)
