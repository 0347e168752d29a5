"""Names and values of labels of a program over gRPC."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.endpoints.handler import Call, Job, Slot
from api.forms import Params
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.thanos.errors import Incomplete
from api.thanos.labels import LabelHandlers
from tests.api.endpoints.test_remote_read import fill
from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of
from tests.makers.fake_store import FakeStore
from tests.makers.real_api import RealApi
from tests.makers.thanos.client import StoreClient, names_request
from tests.makers.thanos.program import run_store

Z, R = [("__name__", "=", "z")], [("__name__", "=", "r")]


def test_names_and_values(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await fill(api)
        assert await client.names() == ["__name__", "job", "replica"]
        assert await client.names(without=["replica", "x"]) == ["__name__", "job"]
        assert await client.names(Z) == ["__name__", "job"]
        assert await client.names(limit=1) == ["__name__"]
        assert await client.names((), (10**10, 10**11)) == []
        assert await client.names(label="job") == ["a", "ü"]
        assert await client.names(label="job", limit=1) == ["a"]
        assert await client.names(Z, label="job") == ["a"]
        assert await client.names(R, label="replica") == ["1", "2"]
        assert await client.names(label="replica", without=["replica"]) == []
        assert await client.names(label="none") == []
        assert await client.names((), (5, 6), label="__name__") == ["a"]

    run_store(tmp_path, check)


def test_what_may_be_missing() -> None:
    store = FakeStore()
    store.tenant("t").losses = ("some are damaged",)
    handlers = LabelHandlers(QuerierSource(store, ReplicaDefaults()))

    def ask(body: bytes) -> bytes:
        job = handlers.names(Call(Params.parse(""), ("t",), {}, body))
        assert isinstance(job, Job)
        return b"".join(map(bytes, job.run(Slot(1000, 0.0, lambda: False))))

    assert list(fields_of(ask(names_request()))) == [(2, b"some are damaged")]
    with pytest.raises(Incomplete, match="some are damaged"):
        ask(names_request() + integer(2, 1))
