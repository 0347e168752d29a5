"""Deleting over HTTP: codes and texts as Prometheus has them, receipts, tenants, and who did it."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from aiohttp.test_utils import TestClient

from api.endpoints.deletions import selector_text
from storage.labels.matchers import Matcher
from tests.makers.real_api import RealApi, run_real_api

DELETE, CLEAN = "admin/tsdb/delete_series", "admin/tsdb/clean_tombstones"
ADMIN = {"web__enable_admin_api": "true"}
POINTS = [(1_000, 1.0), (2_000, 2.0), (3_000, 3.0)]
NO_MATCHER = "match[] must contain at least one non-empty matcher"


async def post(
    client: TestClient[Any, Any],
    path: str,
    *params: tuple[str, str],
    method: str = "POST",
    tenant: str = "t",
    **more: Any,
) -> tuple[int, str, str]:
    """Status, kind and text of the answer."""
    headers = {"X-Scope-OrgID": tenant, **more.pop("headers", {})}
    url = path if path.startswith("/") else f"/api/v1/{path}"
    async with client.request(
        method, url, params=list(params), headers=headers, **more
    ) as response:
        if response.status in (200, 204):
            return response.status, "", await response.text()
        answer = await response.json()
        return response.status, answer["errorType"], answer["error"]


MATCH = ("match[]", "up")
CASES: list[tuple[str, list[tuple[str, str]], tuple[int, str, str]]] = [
    (DELETE, [], (400, "bad_data", "no match[] parameter provided")),
    (
        DELETE,
        [("match[]", "up{"), ("start", "1")],
        (400, "bad_data", 'invalid parameter "match[]": 1:4: parse error: unexpected end of input '
         "inside braces"),
    ),
    (DELETE, [("match[]", "{}")], (400, "bad_data", f'invalid parameter "match[]": {NO_MATCHER}')),
    (
        DELETE,
        [MATCH, ("start", "x")],
        (400, "bad_data", "invalid parameter \"start\": invalid time value for 'start': cannot "
         'parse "x" to a valid timestamp'),
    ),
    (
        DELETE,
        [MATCH, ("end", "x")],
        (400, "bad_data", "invalid parameter \"end\": invalid time value for 'end': cannot parse "
         '"x" to a valid timestamp'),
    ),
    (
        DELETE,
        [MATCH, ("start", "2"), ("end", "1")],
        (400, "bad_data", 'invalid parameter "end": end timestamp must not be before start time'),
    ),
    (DELETE, [MATCH, ("start", "900"), ("end", "901")], (204, "", "")),
    (DELETE, [("match[]", "nothing")], (204, "", "")),
    (CLEAN, [], (204, "", "")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "params", "wanted"), CASES)
def test_codes_and_texts(
    tmp_path: Path, path: str, params: list[tuple[str, str]], wanted: tuple[int, str, str]
) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(({"__name__": "up"}, POINTS))
        for method in ("POST", "PUT"):
            assert await post(api.client, path, *params, method=method) == wanted
            form = await post(api.client, path, method=method, data=dict(params))
            assert form == wanted, "the same as a form"
        two = await post(api.client, path, *params, tenant="t|u")
        assert two == (
            400, "bad_data", "the request names 2 tenants; what deletes is for one tenant"
        )  # fmt: skip
        assert len(await api.query("up[1h]", time=10)) == 1

    run_real_api(tmp_path, scenario, **ADMIN)


def test_without_the_switch_nothing_can_be_deleted(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(({"__name__": "up"}, POINTS))
        for path in (DELETE, CLEAN, "/compactor/delete_tenant"):
            found = await post(api.client, path, MATCH)
            assert found == (500, "unavailable", "admin APIs disabled")
        assert len(await api.query("up", time=3)) == 1
        assert await api.get("status/deletions") == (200, {"deletions": []})

    run_real_api(tmp_path, scenario)


def test_a_deletion_from_the_wish_to_the_receipt(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for i in "12":
            await api.write(({"__name__": "up", "i": i}, POINTS))
            await api.write(({"__name__": "up", "i": i}, POINTS), tenant="other")
        params = (("match[]", 'up{i="1"}'), ("match[]", 'up{i=~"3|4"}'), ("start", "2"))
        assert await post(api.client, DELETE, *params, ("end", "1970-01-01T00:00:03Z")) == (
            204, "", "",
        )  # fmt: skip
        (left, whole) = await api.query("up[1h]", time=10)
        assert [len(row["values"]) for row in (left, whole)] == [1, 3]
        assert len((await api.query("up[1h]", time=10, tenant="other"))[0]["values"]) == 3
        (receipt,) = (await api.get("status/deletions"))[1]["deletions"]
        assert receipt["created"] > 1.7e9
        assert {name: value for name, value in receipt.items() if name != "created"} == {
            "number": 1,
            "tenant": "t",
            "matchers": ['{i="1", __name__="up"}', '{i=~"3|4", __name__="up"}'],
            "start": 2.0,
            "end": 3.0,
            "author": "",
            "done": None,
            "series": 1,
            "samples": 0,
            "segmentsRewritten": 0,
            "segmentsPending": 1,
        }
        assert await post(api.client, CLEAN) == (204, "", "")
        (receipt,) = (await api.get("status/deletions"))[1]["deletions"]
        assert (receipt["samples"], receipt["segmentsRewritten"]) == (2, 1)
        assert (receipt["segmentsPending"], receipt["done"] > 1.7e9) == (0, True)
        assert await api.get("status/deletions", tenant="other") == (200, {"deletions": []})
        # Again with all of it, and the series is not in the lists any more.
        assert await post(api.client, DELETE, ("match[]", '{i="1"}')) == (204, "", "")
        assert await api.get("label/i/values") == (200, ["2"])
        (newest, _) = (await api.get("status/deletions"))[1]["deletions"]
        assert (newest["start"], newest["end"]) == (None, None)

    run_real_api(tmp_path, scenario, **ADMIN)


def test_a_tenant_is_deleted_as_in_mimir(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(({"__name__": "up"}, POINTS))
        await api.write(({"__name__": "up"}, POINTS), tenant="other")

        async def status(tenant: str) -> Any:
            url, headers = "/compactor/delete_tenant_status", {"X-Scope-OrgID": tenant}
            async with api.client.get(url, headers=headers) as response:
                assert response.status == 200
                return await response.json()

        assert await status("t") == {"tenant_id": "t", "blocks_deleted": False}
        assert await status("nobody") == {"tenant_id": "nobody", "blocks_deleted": True}
        assert await post(api.client, "/compactor/delete_tenant") == (200, "", "")
        assert await api.get("labels") == (200, [])
        assert await api.query("up[1h]", time=10) == []
        assert await status("t") == {"tenant_id": "t", "blocks_deleted": False}
        await post(api.client, CLEAN)
        assert await status("t") == {"tenant_id": "t", "blocks_deleted": True}
        assert len(await api.query("up[1h]", time=10, tenant="other")) == 1

    run_real_api(tmp_path, scenario, **ADMIN)


def test_who_deleted_what_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    password = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users:\n  alice: {password}\n")
    credential = base64.b64encode(b"alice:right").decode()
    headers = {"Authorization": f"Basic {credential}"}

    async def scenario(api: RealApi) -> None:
        api.client.session.headers.update(headers)
        await api.write(({"__name__": "up"}, POINTS))
        assert (await post(api.client, DELETE, MATCH))[0] == 204
        (receipt,) = (await api.get("status/deletions"))[1]["deletions"]
        assert receipt["author"] == "alice"

    with caplog.at_level(logging.INFO):
        more = {"web__config__file": str(tmp_path / "web.yml")}
        run_real_api(tmp_path / "data", scenario, **ADMIN, **more)
    (line,) = [line for line in caplog.messages if line.startswith("series deleted")]
    assert "author='alice'" in line
    assert "__name__='up'" in line.replace('"', "'").replace("\\", "")


@pytest.mark.parametrize(
    ("matchers", "text"),
    [
        ((), "{}"),
        ((Matcher("a", "=", 'x"y\n'), Matcher("b", "!~", "z|")), '{a="x\\"y\\n", b!~"z|"}'),
    ],
)
def test_selectors_are_shown_as_they_are_written(matchers: tuple[Matcher, ...], text: str) -> None:
    assert selector_text(matchers) == text
