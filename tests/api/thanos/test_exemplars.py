"""Exemplars of a program over gRPC."""

from __future__ import annotations

from pathlib import Path

import grpc
import snappy

from tests.api.endpoints.test_remote_read import post
from tests.makers.bodies.rich import WireSeries, body_v1, double, integer
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import StoreClient
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import label, message

METHOD = "thanos.Exemplars/Exemplars"


def asked(query: str, start_ms: int = 0, end_ms: int = 10**6) -> bytes:
    return message(1, query.encode()) + integer(2, start_ms) + integer(3, end_ms) + integer(900, 1)


def test_exemplars_by_series(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        exemplars = [({"trace": "a"}, 1.5, 1000), ({}, 0.0, 2000)]
        series = [
            WireSeries({"__name__": "m", "replica": r}, samples=[(1, 1.0)], exemplars=exemplars)
            for r in "ba"
        ]
        await post(api, snappy.compress(body_v1(series)), "t")

        def wanted(replica: bytes, count: int) -> bytes:
            labels = label(b"__name__", b"m") + label(b"replica", replica)
            first = message(1, label(b"trace", b"a")) + double(2, 1.5) + integer(3, 1000)
            own = [first, message(1, b"") + integer(3, 2000)]
            return message(
                1, message(1, labels) + b"".join(message(2, each) for each in own[:count])
            )

        both = '{__name__="m"}+{__name__="none"}'
        found = await client.stream(METHOD, asked(both))
        assert found == [wanted(b"a", 2), wanted(b"b", 2)]
        one = await client.stream(METHOD, asked('m{replica="b"}', 0, 1500))
        assert one == [wanted(b"b", 1)]
        assert await client.stream(METHOD, asked("m", 5000)) == []
        assert await client.stream(METHOD, asked("1")) == []
        code, text = await client.status(METHOD, asked("m{"))
        assert code is grpc.StatusCode.INVALID_ARGUMENT and "unexpected end" in text

    run_store(tmp_path, check)
