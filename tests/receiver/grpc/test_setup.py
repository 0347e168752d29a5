"""What of the gRPC server can be found wrong before it is started, and a program without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from api.grpc.options import GrpcOptions
from receiver.access.web_config import WebConfig
from receiver.grpc.setup import check_grpc
from receiver.settings.config import ConfigError
from tests.makers.real_api import RealApi
from tests.makers.sources.fake_store import serving
from tests.makers.thanos.client import StoreClient
from tests.makers.thanos.program import run_store
from tests.receiver.stores.test_setup import has, settings, until_listed


@pytest.mark.parametrize("address", ["", ":1", "localhost:0", "[::1]:10901"])
def test_what_is_right(address: str) -> None:
    check_grpc(GrpcOptions(listen_address=address), WebConfig())


@pytest.mark.parametrize(
    "options, text",
    [
        (GrpcOptions(listen_address="nowhere"), "grpc.listen-address: got 'nowhere'; allowed is"),
        (GrpcOptions(listen_address=":1", default_tenant="a/b"), "grpc.default-tenant: invalid"),
    ],
)
def test_what_is_wrong(options: GrpcOptions, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        check_grpc(options, WebConfig())


def test_several_processes_do_not_serve_it() -> None:
    with pytest.raises(ConfigError, match="processes=2; allowed with it is processes=1"):
        check_grpc(GrpcOptions(listen_address=":1"), WebConfig(), processes=2)


def test_a_program_that_does_not_serve_it_does_not_load_it() -> None:
    code = "import receiver.server, sys; assert 'grpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_what_other_stores_have_is_not_sent_on(tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        await api.write(({"__name__": "up", "cluster": "own"}, [(1, 1.0)]), tenant="default")
        await until_listed(api, 1)
        (both,) = await api.query("count(up)", tenant="default", time="0.005")
        assert both["value"][1] == "2"
        for skip in (False, True):
            (one,) = (await client.series([("__name__", "=", "up")], skip_chunks=skip)).labelsets
            assert one["cluster"] == "own"
        assert await client.names(label="cluster") == ["own"]

    with serving(has("a", (1, 1.0))) as store:
        run_store(tmp_path, check, metadata={}, settings=settings(store))
