"""Metadata of a program over gRPC."""

from __future__ import annotations

from pathlib import Path

import pytest
import snappy

from tests.api.endpoints.test_remote_read import post
from tests.makers.bodies.rich import body_v1, integer, metadata_v1
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import StoreClient
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import message

A = message(2, message(1, b"counter") + message(2, b"Of a.") + message(3, b"bytes"))
B = message(2, message(1, b"gauge"))
ALL = (1 << 64) - 1


@pytest.mark.parametrize(
    "family, limit, wanted",
    [("", ALL, [("a", A), ("b", B)]), ("", 1, [("a", A)]), ("", 0, []), ("b", ALL, [("b", B)])],
)
def test_metadata(tmp_path: Path, family: str, limit: int, wanted: list[tuple[str, bytes]]) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        described = [metadata_v1("b", 2), metadata_v1("a", 1, "Of a.", "bytes")]
        await post(api, snappy.compress(body_v1([], described)), "t")
        body = message(1, family.encode()) + integer(2, limit)
        (found,) = await client.stream("thanos.Metadata/MetricMetadata", body)
        entries = [message(1, message(1, n.encode()) + message(2, e)) for n, e in wanted]
        assert found == message(1, b"".join(entries))

    run_store(tmp_path, check)
