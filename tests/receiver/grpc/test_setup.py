"""What of the gRPC server can be found wrong before it is started, and a program without one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from api.grpc.options import GrpcOptions
from receiver.access.web_config import WebConfig
from receiver.grpc.setup import check_grpc
from receiver.settings.config import ConfigError


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
