"""Info: its bytes, and what a program says of itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.thanos.info import response
from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import StoreClient
from tests.makers.thanos.program import run_store
from tests.twins.wire.v1 import label, message

LAST_MS = (1 << 63) - 1


def test_bytes() -> None:
    labels = label(b"c", b"1")
    info = integer(1, 5) + integer(2, LAST_MS)
    store = info + integer(3, 1) + integer(5, 1)
    store += message(6, message(1, labels) + integer(2, 5) + integer(3, LAST_MS))
    flags = message(4, b"") + message(5, b"") + message(6, b"") + message(7, info)
    assert response([{"c": "1"}], (5, LAST_MS)) == (
        message(1, labels) + message(2, b"receive") + message(3, store) + flags + message(8, b"")
    )
    # Without labels that tell it from others it is asked for series alone.
    assert 8 not in dict(fields_of(response([], (5, LAST_MS))))


@pytest.mark.parametrize("retention, age_s", [("0", None), ("30d", 30 * 86_400)])
def test_a_program_states_its_times_and_labels(
    tmp_path: Path, retention: str, age_s: int | None
) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        now_s = int(time.time())
        await api.write(({"__name__": "m", "cluster": "eu"}, [(now_s * 1000, 1.0)]))
        body = await client.one("thanos.info.Info/Info", integer(900, 1))
        fields = dict(fields_of(body))
        assert fields[1] == label(b"cluster", b"eu")
        first_ms = dict(fields_of(fields[3]))[1]  # type: ignore[arg-type]
        assert isinstance(first_ms, int)
        if age_s is None:
            assert first_ms == 1 << 63
        else:
            assert 0 <= first_ms // 1000 - (now_s - age_s) <= time.time() - now_s

    run_store(
        tmp_path,
        check,
        settings={
            "grpc__announced_labels": "cluster",
            "storage__retention": retention,
            "storage__downsampling__enabled": "false",
        },
    )
