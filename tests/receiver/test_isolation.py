"""Every route with every kind of wrong tenant and credential, over the whole program.

The routes are those that the program has: one that is new is tried like the others, and one without
a rule does not let the program start.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import bcrypt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from receiver.access.rules import Need, check_routes, rule_of
from receiver.server import DATABASE, RELOADER, build_app
from receiver.settings.config import build
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.real_api import run_program

AUTH = """
users:
  alice: {tenants: [own], rights: [read, write]}
  root: {tenants: "*", rights: [read, write, metrics, admin, rules]}
tokens:
"""
TOKENS = {
    "reader": "{tenants: [own, second], rights: [read]",
    "writer": "{tenants: [own], rights: [write]",
    "bound": "{tenant: own, rights: [read, write]",
    "watcher": "{tenants: '*', rights: [metrics]",
    "admin": "{tenants: [own], rights: [admin]",
    "editor": "{tenants: [own], rights: [rules]",
}
HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
LOG_IN = "WWW-Authenticate"
READ_WRITE = {Need.READ, Need.WRITE}
OF_TENANTS = {*READ_WRITE, Need.ADMIN, Need.CONFIGURE}
ALL = {*OF_TENANTS, Need.METRICS}


def basic(user: str, password: str) -> dict[str, str]:
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@dataclass(frozen=True)
class Caller:
    """Someone with a credential. rights: None, because the credential is wrong; own: the tenants it
    may name, None for all; bound: that what it names does not count."""

    headers: dict[str, str]
    rights: set[Need] | None = None
    own: tuple[str, ...] | None = ()
    bound: bool = False

    def wanted(self, need: Need, tenant: str | None) -> int | None:
        """The status of its refusal, or None if it has to pass."""
        if need is Need.NOTHING:
            return None
        if self.rights is None:
            return 401
        if need is not Need.LOGIN and need not in self.rights:
            return 403
        if self.bound or self.own is None or need not in OF_TENANTS:
            return None
        names = (
            [self.own[0]] if tenant is None and len(self.own) == 1 else (tenant or "").split("|")
        )
        return None if set(names) <= set(self.own) else 403


CALLERS = {
    "nobody": Caller({}),
    "a wrong password": Caller(basic("alice", "wrong")),
    "no password": Caller(basic("alice", "")),
    "an unknown user": Caller(basic("mallory", "right")),
    "a password without a user": Caller(basic("", "right")),
    "no base64": Caller({"Authorization": "Basic alice:right"}),
    "a scheme alone": Caller({"Authorization": "Basic"}),
    "another scheme": Caller({"Authorization": f"Digest {HASH}"}),
    "a wrong token": Caller(bearer("secret-of-nobody")),
    "the name of a token": Caller(bearer("reader")),
    "its hash": Caller(bearer(sha256(b"secret-reader").hexdigest())),
    "an empty token": Caller(bearer("")),
    "a header of other bytes": Caller({"Authorization": "Bearer \udcff\udcfe"}),
    "a user without a grant": Caller(basic("carol", "right"), set()),
    "alice": Caller(basic("alice", "right"), READ_WRITE, ("own",)),
    "root": Caller(basic("root", "right"), ALL, None),
    "reader": Caller(bearer("secret-reader"), {Need.READ}, ("own", "second")),
    "writer": Caller(bearer("secret-writer"), {Need.WRITE}, ("own",)),
    "bound": Caller(bearer("secret-bound"), READ_WRITE, bound=True),
    "watcher": Caller(bearer("secret-watcher"), {Need.METRICS}, None),
    "admin": Caller(bearer("secret-admin"), {Need.ADMIN}, ("own",)),
    "editor": Caller(bearer("secret-editor"), {Need.CONFIGURE}, ("own",)),
}  # fmt: skip
TENANTS = (None, "own", "other", "nowhere", "own|other", "own|own", "", "a/b", "*")


def play(directory: Path, scenario: Callable[[TestClient], Awaitable[None]], **more: str) -> None:
    """Run a scenario against the program with users and tokens."""
    tokens = "".join(
        f"  {name}: {text}, sha256: {sha256(f'secret-{name}'.encode()).hexdigest()}}}\n"
        for name, text in TOKENS.items()
    )
    (directory / "auth.yml").write_text(AUTH + tokens)
    users = "".join(f"  {name}: {HASH}\n" for name in ("alice", "root", "carol"))
    (directory / "web.yml").write_text(f"basic_auth_users:\n{users}")
    files = {"auth.file": "auth.yml", "web.config.file": "web.yml"}
    settings = {name: str(directory / file) for name, file in files.items()}
    base = {"storage.path": str(directory), "storage.shards": "1"}
    run_program(base | settings | more, scenario)


def routes(app: web.Application) -> Iterator[tuple[str, str, Need]]:
    """Method, path and need of every route, and of what is none."""
    for route in app.router.routes():
        if route.method == "OPTIONS":
            continue
        assert route.resource is not None
        canonical = route.resource.canonical
        path = re.sub(r"\{\w+\}", "1", canonical)
        need = rule_of(route.method, canonical)
        assert need is not None, canonical
        yield route.method, path, need
    yield "GET", "/api/v1/nothing", Need.LOGIN
    yield "DELETE", "/api/v1/query", Need.LOGIN


def tried(path: str, caller: Caller) -> tuple[str | None, ...]:
    """The tenants to name. What is wrong for any, or for the twin of a path, is tried with few."""
    if caller.rights is None or path.startswith("/prometheus"):
        return ("own", "other", "nowhere") if caller.rights else ("other", "nowhere")
    return TENANTS


def test_no_route_lets_anyone_at_what_is_not_theirs(tmp_path: Path) -> None:
    wrong: list[str] = []

    async def attempt(client: TestClient, method: str, path: str, headers: dict[str, str]):
        async with client.request(method, path, headers=HEADERS | headers, data=b"x") as response:
            told = [(k, v) for k, v in response.headers.items() if k != "Date"]
            return response.status, told, await response.read()

    async def scenario(client: TestClient) -> None:
        await write(client, "root", "other", "up")  # one foreign tenant exists, the other does not
        for method, path, need in routes(client.server.app):
            for name, caller in CALLERS.items():
                refused = {}
                for tenant in tried(path, caller):
                    headers = caller.headers | ({} if tenant is None else {"X-Scope-OrgID": tenant})
                    answer = await attempt(client, method, path, headers)
                    wanted = caller.wanted(need, tenant)
                    found = answer[0] if answer[0] in (401, 403) else None
                    if found != wanted:
                        wrong.append(f"{method} {path} by {name} for {tenant}: {answer[0]}")
                    if found is not None:
                        refused[tenant] = answer
                if refused.get("other") != refused.get("nowhere"):
                    wrong.append(f"{method} {path} tells {name} which tenants there are")
                ways = [v.split()[0] for k, v in refused.get("other", (0, []))[1] if k == LOG_IN]
                if ways != ["Basic", "Bearer"] * (caller.rights is None and need != Need.NOTHING):
                    wrong.append(f"{method} {path} tells {name} to log in by {ways}")

    play(tmp_path, scenario)
    assert not wrong, "\n".join(wrong)


async def write(
    client: TestClient,
    caller: str,
    tenant: str | None,
    name: str,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    **labels: str,
) -> int:
    """The status of writing one series, with more headers."""
    sample = (time.time_ns() // 1_000_000, 1.0)
    body = encode([({"__name__": name, **labels}, [sample])])
    all_headers = HEADERS | CALLERS[caller].headers | dict(headers)
    all_headers |= {} if tenant is None else {"X-Scope-OrgID": tenant}
    async with client.post("/api/v1/write", data=body, headers=all_headers) as response:
        return response.status


async def names(
    client: TestClient, caller: str, tenant: str | None, **more: str
) -> tuple[int, object]:
    """The status of a query, and the names of what it finds, with the tenants where several are."""
    headers = CALLERS[caller].headers | ({} if tenant is None else {"X-Scope-OrgID": tenant}) | more
    params = {"query": '{__name__=~".+"}'}
    async with client.get("/api/v1/query", params=params, headers=headers) as response:
        if response.status != 200:
            return response.status, None
        found = [row["metric"] for row in (await response.json())["data"]["result"]]
        return 200, sorted((m.get("__tenant_id__", ""), m["__name__"]) for m in found)


def test_everyone_sees_and_writes_their_own(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        assert await write(client, "alice", None, "of_alice") == 204
        assert await write(client, "bound", "other", "of_bound") == 204  # to its own all the same
        assert await write(client, "root", "other", "of_other") == 204
        assert await write(client, "alice", "other", "foreign") == 403
        assert await write(client, "bound", "a/b", "of_bound_again") == 204
        own = [("", "of_alice"), ("", "of_bound"), ("", "of_bound_again")]
        assert await names(client, "alice", None) == (200, own)
        assert await names(client, "bound", "other") == (200, own)
        assert await names(client, "bound", "own|other") == (200, own)
        assert await names(client, "root", "other") == (200, [("", "of_other")])
        assert await names(client, "reader", "own|second") == (
            200,
            [("own", name) for _, name in own],
        )
        assert await names(client, "alice", None, **{"THANOS-TENANT": "other"}) == (403, None)
        smuggled = {"THANOS-TENANT": "other"}
        assert await names(client, "alice", "own", **smuggled) == (200, own)

    play(tmp_path, scenario)


STOCK = {"X-Scope-OrgID": "anonymous", "THANOS-TENANT": "default-tenant"}


def test_what_the_query_frontend_of_thanos_fills_in_names_no_tenant(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        for more in ({}, STOCK, {"THANOS-TENANT": "default-tenant"}):
            assert await write(client, "root", None, f"w{len(more)}", headers=more) == 204
        assert await write(client, "root", None, "x", headers=STOCK | {"THANOS-TENANT": "o"}) == 204
        assert await write(client, "alice", None, "of_alice", headers=STOCK) == 204
        written = [("", "w0"), ("", "w1"), ("", "w2")]
        for more in ({}, STOCK, {"THANOS-TENANT": "default-tenant"}, {"X-Scope-OrgID": "default"}):
            assert await names(client, "root", None, **more) == (200, written)
        chosen = STOCK | {"THANOS-TENANT": "o"}
        assert await names(client, "root", None, **chosen) == (200, [("", "x")])
        assert await names(client, "root", "o") == (200, [("", "x")])
        # Whoever has one tenant gets it, and no choice of headers leads to another.
        assert await names(client, "alice", None, **STOCK) == (200, [("", "of_alice")])
        assert await names(client, "alice", None, **chosen) == (403, None)
        assert await write(client, "alice", None, "foreign", headers=chosen) == 403
        assert await names(client, "bound", None, **chosen) == (200, [("", "of_alice")])

    play(tmp_path, scenario)


def test_a_grant_of_the_tenant_that_front_ends_fill_in_is_no_way_out(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        assert await write(client, "root", "other", "of_other") == 204
        for tenants in ("anonymous", "default-tenant", "default"):
            hash_of = sha256(tenants.encode()).hexdigest()
            grant = (
                f"tokens: {{t: {{tenants: [{tenants}], rights: [read, write], sha256: {hash_of}}}}}"
            )
            (tmp_path / "auth.yml").write_text(grant)
            await client.server.app[RELOADER].refresh()
            for more in ({}, {"X-Scope-OrgID": "anonymous"}):
                headers = bearer(tenants) | more | {"THANOS-TENANT": "other"}
                async with client.get("/api/v1/labels", headers=headers) as response:
                    assert response.status == 403

    play(tmp_path, scenario)


def test_a_label_leads_to_no_foreign_tenant(tmp_path: Path) -> None:
    async def scenario(client: TestClient) -> None:
        assert await write(client, "alice", "own", "a", team="other") == 403
        assert await write(client, "alice", "own", "b", team="own") == 204
        assert await write(client, "root", "own", "c", team="other") == 204
        assert await write(client, "bound", None, "d", team="other") == 204  # a label like others
        assert await names(client, "root", "own") == (200, [("", "b"), ("", "d")])
        assert await names(client, "root", "other") == (200, [("", "c")])

    play(tmp_path, scenario, **{"tenant.label": "team"})


def test_a_route_without_a_rule_stops_the_program() -> None:
    async def handler(request: web.Request) -> web.Response:
        raise NotImplementedError

    app = web.Application()
    app.router.add_get("/prometheus/api/v1/query", handler)
    check_routes(app)
    app.router.add_get("/api/v1/secrets", handler)
    with pytest.raises(AssertionError, match="routes without a rule .*secrets"):
        check_routes(app)


def test_without_users_and_tokens_everyone_may_do_everything(tmp_path: Path) -> None:
    async def main() -> None:
        app = build_app(build({"storage.path": str(tmp_path), "storage.shards": "1"}))
        async with TestClient(TestServer(app)) as client:
            await app[DATABASE].opened()
            for headers in ({}, basic("alice", "x"), {"X-Scope-OrgID": "any"}):
                for path in ("/metrics", "/api/v1/labels", "/-/ready"):
                    async with client.get(path, headers=headers) as response:
                        assert response.status == 200

    asyncio.run(main())


@pytest.mark.parametrize("origin", ["https://a.example", "https://b.example", None])
def test_browsers_are_told_of_refusals_as_of_answers(tmp_path: Path, origin: str | None) -> None:
    async def scenario(client: TestClient) -> None:
        told = []
        for caller, status in (("alice", 200), ("nobody", 401), ("writer", 403)):
            headers = CALLERS[caller].headers | ({"Origin": origin} if origin else {})
            async with client.get("/api/v1/status/buildinfo", headers=headers) as response:
                assert response.status == status, caller
                names = [n for n in response.headers if n.startswith("Access-Control-")]
                told.append({name: response.headers[name] for name in (*names, "Vary")})
        assert told[0] == told[1] == told[2]
        allowed = origin if origin == "https://a.example" else None
        assert told[0].get("Access-Control-Allow-Origin") == allowed

    play(tmp_path, scenario, **{"api.cors-origin": "https://a[.]example"})
