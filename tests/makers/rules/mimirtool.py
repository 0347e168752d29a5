"""The requests and comparisons of `mimirtool rules`, as far as a server sees them.

What is known of the tool: paths below the address, YAML bodies of one group, 404 as none, any other
status but 2xx as a failure; and which fields make two groups equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import yaml
from aiohttp.test_utils import TestClient

# Fields of rules that are compared; those that are missing differ from those that are empty.
COMPARED = ("alert", "record", "expr", "for", "labels", "annotations")
Namespaces = dict[str, list[dict[str, Any]]]


class ToolFailed(Exception):
    """str() is what the tool would show."""


@dataclass
class Mimirtool:
    """As one tenant. summary: what the latest load() or sync() did."""

    client: TestClient[Any, Any]
    tenant: str
    headers: dict[str, str] = field(default_factory=dict)

    async def request(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, bytes, str]:
        headers = {"X-Scope-OrgID": self.tenant, **self.headers}
        if body is not None:
            headers["Content-Type"] = "application/yaml"
        url = f"/prometheus/config/v1/rules{path}"
        async with self.client.request(method, url, data=body, headers=headers) as response:
            return response.status, await response.read(), response.headers["Content-Type"]

    async def list(self) -> Namespaces:
        """Also `print`, which shows the same."""
        status, body, _ = await self.request("GET", "")
        if status == 404:
            return {}
        self._check(status, body)
        return dict(yaml.safe_load(body))

    async def get(self, namespace: str, group: str) -> dict[str, Any] | None:
        status, body, _ = await self.request("GET", place(namespace, group))
        if status == 404:
            return None
        self._check(status, body)
        return dict(yaml.safe_load(body))

    async def put(self, namespace: str, group: dict[str, Any]) -> None:
        body = yaml.safe_dump(group, sort_keys=False).encode()
        status, answer, _ = await self.request("POST", place(namespace), body)
        self._check(status, answer)

    async def delete(self, namespace: str, group: str) -> None:
        status, answer, _ = await self.request("DELETE", place(namespace, group))
        self._check(status, answer)

    async def delete_namespace(self, namespace: str) -> None:
        status, answer, _ = await self.request("DELETE", place(namespace))
        self._check(status, answer)

    async def load(self, files: Namespaces) -> str:
        """Bring every group that is not there or is another one."""
        loaded = 0
        for namespace, groups in files.items():
            for group in groups:
                found = await self.get(namespace, group["name"])
                if found is None or not equal(found, group):
                    await self.put(namespace, group)
                    loaded += 1
        return f"{loaded} loaded"

    async def diff(self, files: Namespaces) -> str:
        created, updated, deleted = differences(await self.list(), files)
        return summary("Diff", created, updated, deleted)

    async def sync(self, files: Namespaces) -> str:
        created, updated, deleted = differences(await self.list(), files)
        for namespace, group in (*created, *updated):
            await self.put(namespace, group)
        for namespace, group in deleted:
            await self.delete(namespace, group["name"])
        return summary("Sync", created, updated, deleted)

    def _check(self, status: int, body: bytes) -> None:
        if not 200 <= status < 300:
            raise ToolFailed(f"{status}: {body.decode()}")


def place(*names: str) -> str:
    return "".join(f"/{quote(name, safe='')}" for name in names)


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one["name"] != other["name"] or one.get("interval") != other.get("interval"):
        return False
    if (one.get("query_offset") or "0s") != (other.get("query_offset") or "0s"):
        return False
    if set(one.get("source_tenants") or ()) != set(other.get("source_tenants") or ()):
        return False
    rules = one.get("rules", []), other.get("rules", [])
    return [compared(rule) for rule in rules[0]] == [compared(rule) for rule in rules[1]]


def compared(rule: dict[str, Any]) -> list[Any]:
    return [rule.get(name) for name in COMPARED]


Found = list[tuple[str, dict[str, Any]]]


def differences(there: Namespaces, here: Namespaces) -> tuple[Found, Found, Found]:
    """Groups to create, to update and to delete."""
    known = {(ns, group["name"]): group for ns, groups in there.items() for group in groups}
    wanted = {(ns, group["name"]): group for ns, groups in here.items() for group in groups}
    created = [(key[0], group) for key, group in wanted.items() if key not in known]
    both = wanted.keys() & known.keys()
    updated = [(key[0], wanted[key]) for key in sorted(both) if not equal(known[key], wanted[key])]
    deleted = [(key[0], known[key]) for key in known if key not in wanted]
    return created, updated, deleted


def summary(verb: str, created: Found, updated: Found, deleted: Found) -> str:
    return (
        f"{verb} Summary: {len(created)} Groups Created, {len(updated)} Groups Updated, "
        f"{len(deleted)} Groups Deleted"
    )
