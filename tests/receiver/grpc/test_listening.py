"""The gRPC server of a program: TLS with client certificates, and an address that is taken."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.makers.certificates import Authority, make_authority
from tests.makers.real_api import RealApi, started_api
from tests.makers.thanos.client import StoreClient, connected
from tests.makers.thanos.program import port_of, run_store

EVERYTHING = [("__name__", "=~", ".+")]
WEB = """
tls_server_config:
  cert_file: web.crt
  key_file: web.key
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = make_authority(tmp_path_factory.mktemp("keys") / "ca")
    for name in ("first", "second"):
        made.issue(name, "/CN=localhost")
    made.issue("client", "/CN=tenant-of-it")
    put(made, "first")
    (made.directory / "web.yml").write_text(WEB)
    return made


def put(authority: Authority, name: str) -> None:
    """Make a certificate that of the server, whole and at once."""
    for suffix in ("crt", "key"):
        new = authority.directory / f"new.{suffix}"
        shutil.copyfile(authority.directory / f"{name}.{suffix}", new)
        new.replace(authority.directory / f"web.{suffix}")


def credentials(authority: Authority, *, with_own: bool = True) -> Any:
    def content(name: str) -> bytes:
        return (authority.directory / name).read_bytes()

    own = (content("client.key"), content("client.crt")) if with_own else (None, None)
    return grpc.ssl_channel_credentials(content("ca.crt"), *own)


def settings(authority: Authority) -> dict[str, str]:
    return {
        "web__config__file": str(authority.directory / "web.yml"),
        "tenant__certificate_field": "commonName",
    }


def test_certificates_are_checked_and_name_the_tenant(authority: Authority, tmp_path: Path) -> None:
    async def check(api: RealApi, client: StoreClient) -> None:
        assert (await client.series(EVERYTHING)).series == []
        assert await client.one("grpc.health.v1.Health/Check") == b"\x08\x01"
        for other in (None, credentials(authority, with_own=False)):
            async with connected(port_of(api), {}, other) as stranger:
                code, _ = await stranger.status("thanos.Store/Series", b"")
                assert code is grpc.StatusCode.UNAVAILABLE

    run_store(tmp_path, check, settings=settings(authority), credentials=credentials(authority))


def test_an_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    async def start() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            async with started_api(tmp_path, grpc__listen_address=address):
                pass

    with pytest.raises(OSError, match="grpc.listen-address: cannot listen at 127.0.0.1"):
        asyncio.run(start())
