"""TLS on a real socket: client certificates as tenants, and keys that change under connections."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry

from receiver.access.grants import Grants
from receiver.access.guard import Guard
from receiver.access.web_config import WebConfig, read_web_config
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import CERTIFICATE_FIELDS, WebOptions
from receiver.settings.reloading import Reloader, ReloadMetrics, WatchedFile
from receiver.web.connections import Connections
from receiver.web.tls import Listening
from tests.makers.certificates import Authority, make_authority

SUBJECT = "/O=org/OU=unit/CN=name"
NAMES = "DNS:dns-name,URI:uri-name,email:mail@x"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = make_authority(tmp_path_factory.mktemp("keys") / "ca")
    made.issue("first", "/CN=localhost")
    made.issue("second", "/CN=localhost")
    made.issue("client", SUBJECT, NAMES)
    made.issue("two", "/CN=a/CN=b", "DNS:a,DNS:b")
    made.issue("bad", "/CN=a\\/b", "DNS:a|b")
    return made


class Scene:
    """A server that answers with the tenant, its clients, and its files."""

    def __init__(self, authority: Authority, directory: Path, file: WatchedFile[WebConfig]) -> None:
        self.authority = authority
        self.directory = directory
        self.file = file
        self.reloader = Reloader(60_000, [file])
        self.url = ""
        self.peers: list[str | None] = []

    def put(self, name: str) -> None:
        """Make a certificate that of the server."""
        for suffix in ("crt", "key"):
            source = self.authority.directory / f"{name}.{suffix}"
            shutil.copyfile(source, self.directory / f"web.{suffix}")

    def client(self, name: str | None = None) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self.authority.certificate)
        if name is not None:
            directory = self.authority.directory
            context.load_cert_chain(directory / f"{name}.crt", directory / f"{name}.key")
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def get(self, client: aiohttp.ClientSession, tenant: str = "claimed") -> tuple[int, str]:
        headers = {"X-Scope-OrgID": tenant}
        async with client.get(f"{self.url}/api/v1/query", headers=headers) as response:
            self.peers.append(response.headers.get("Peer"))
            return response.status, (await response.text()).strip()

    async def serial(self) -> str:
        """The serial number of the certificate that a new connection gets."""
        context = ssl.create_default_context(cafile=self.authority.certificate)
        host, port = self.url.removeprefix("https://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
        found: str = writer.get_extra_info("peercert")["serialNumber"]
        writer.close()
        return found


def play(
    authority: Authority,
    directory: Path,
    scenario: Callable[[Scene], Awaitable[None]],
    *,
    tls: str = "",
    field: str = "",
    grants: Grants | None = None,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Run a scenario against a TLS server. tls: more of tls_server_config."""
    config = directory / "web.yml"
    config.write_text(f"tls_server_config: {{cert_file: web.crt, key_file: web.key, {tls}}}")

    async def tenant(request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")
        return web.Response(text=request.headers["X-Scope-OrgID"], headers={"Peer": str(peer)})

    async def main() -> None:
        shutil.copyfile(authority.certificate, directory / "ca.crt")
        for suffix in ("crt", "key"):
            shutil.copyfile(authority.directory / f"first.{suffix}", directory / f"web.{suffix}")
        registry = CollectorRegistry()
        file = WatchedFile("web.config.file", config, read_web_config, ReloadMetrics(registry))
        guard = Guard(lambda: file.value, lambda: grants, registry, certificate_field=field)
        app = web.Application()
        app.router.add_get("/api/v1/query", tenant)
        guard.install(app)
        runner = web.AppRunner(app)
        await runner.setup()
        scene = Scene(authority, directory, file)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            scene.url = f"https://localhost:{listener.getsockname()[1]}"
            assert runner.server is not None
            connections = Connections(runner.server, WebOptions(), ReceiverMetrics(registry))
            listening = Listening(connections, listener)
            await listening.follow(file)
            try:
                async with asyncio.timeout(30):
                    await scenario(scene)
            finally:
                listening.close()
                await runner.cleanup()
                guard.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop", [None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_go_on(
    authority: Authority, tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop] | None
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client() as client:
            assert await scene.get(client) == (200, "claimed")
            before = await scene.serial()
            scene.put("second")
            await scene.reloader.refresh()
            while await scene.serial() == before:
                await asyncio.sleep(0.01)
            assert await scene.get(client) == (200, "claimed")
            after = await scene.serial()
            (scene.directory / "web.key").write_text("no key")
            await scene.reloader.refresh()
            assert await scene.serial() == after
            assert await scene.get(client) == (200, "claimed")
            assert len(set(scene.peers)) == 1

    play(authority, tmp_path, scenario, loop=loop)


VERIFY = "client_ca_file: ca.crt, client_auth_type: VerifyClientCertIfGiven"


@pytest.mark.parametrize(
    ("field", "client", "answer"),
    [
        *((name, None, (401, "a credential is needed that is right")) for name in ("dns", "uri")),
        ("commonName", "client", (200, "name")),
        ("organization", "client", (200, "org")),
        ("organizationalUnit", "client", (200, "unit")),
        ("dns", "client", (200, "dns-name")),
        ("uri", "client", (200, "uri-name")),
        ("email", "client", (403, "the certificate names no valid tenant")),
        ("organization", "two", (403, "the certificate has 0 fields organizationName, not one")),
        ("commonName", "two", (403, "the certificate has 2 fields commonName, not one")),
        ("dns", "bad", (403, "the certificate names no valid tenant")),
    ],
)
def test_the_tenant_is_a_field_of_the_certificate(
    authority: Authority, tmp_path: Path, field: str, client: str | None, answer: tuple[int, str]
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client(client) as session:
            assert await scene.get(session) == answer

    play(authority, tmp_path, scenario, tls=VERIFY, field=CERTIFICATE_FIELDS[field])


def test_whoever_has_no_certificate_does_not_get_in_where_one_is_required(
    authority: Authority, tmp_path: Path
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client() as session:
            with pytest.raises(aiohttp.ClientError):
                await scene.get(session)
        async with scene.client("client") as session:
            assert await scene.get(session) == (200, "claimed")

    required = "client_ca_file: ca.crt, client_auth_type: RequireAndVerifyClientCert"
    play(authority, tmp_path, scenario, tls=required)


@pytest.mark.parametrize(("name", "status"), [("uri-name", 200), ("mail@x", 200), ("other", 403)])
def test_only_allowed_names_get_in(
    authority: Authority, tmp_path: Path, name: str, status: int
) -> None:
    async def scenario(scene: Scene) -> None:
        async with scene.client("client") as session:
            assert (await scene.get(session))[0] == status

    play(authority, tmp_path, scenario, tls=f"{VERIFY}, client_allowed_sans: [{name}]")
