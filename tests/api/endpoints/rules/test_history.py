"""Who changed rules over HTTP: asked for, and undone, with the author from the credential."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import bcrypt

from tests.makers.real_api import RealApi, run_real_api

RULES = "/config/v1/rules"


def group(name: str, expr: str) -> str:
    return f"name: {name}\nrules:\n- record: r\n  expr: {expr}\n"


async def put(api: RealApi, namespace: str, body: str, **headers: str) -> None:
    sent = {"X-Scope-OrgID": "t", **headers}
    async with api.client.post(f"{RULES}/{namespace}", data=body, headers=sent) as response:
        assert response.status == 202, await response.text()


async def undo(api: RealApi, **params: Any) -> tuple[int, Any]:
    """Status, and the changes or the text of the error."""
    headers = {"X-Scope-OrgID": params.pop("tenant", "t")}
    async with api.client.post("/api/v1/rules/undo", data=params, headers=headers) as response:
        answer = await response.json()
        return response.status, answer["data"]["changes"] if "data" in answer else answer["error"]


def shown(change: dict[str, Any]) -> tuple[Any, ...]:
    return (
        change["change"],
        change["namespace"],
        change["group"],
        change["action"],
        change["undoes"],
    )


def test_changes_are_listed_newest_first_and_undone(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await put(api, "ns", group("a", "one"))
        await put(api, "ns", group("a", "two"))
        await put(api, "ns", group("b", "one"))
        async with api.client.delete(f"{RULES}/ns", headers={"X-Scope-OrgID": "t"}) as response:
            assert response.status == 202
        _, data = await api.get("rules/changes")
        assert [shown(change) for change in data["changes"]] == [
            (5, "ns", "b", "deleted", None), (4, "ns", "a", "deleted", None),
            (3, "ns", "b", "created", None), (2, "ns", "a", "changed", None),
            (1, "ns", "a", "created", None),
        ]  # fmt: skip
        second = data["changes"][3]
        assert (second["batch"], second["previous"], second["author"]) == (2, 1, "")
        assert second["content"] == group("a", "two")
        assert data["changes"][0]["content"] is None
        assert second["time"] > 1_700_000_000
        for chosen, numbers in (
            ({"namespace": "ns", "group": "a"}, [4, 2, 1]),
            ({"limit": "2"}, [5, 4]),
            ({"before": "3"}, [2, 1]),
            ({"namespace": "none"}, []),
        ):
            _, data = await api.get("rules/changes", **chosen)
            assert [change["change"] for change in data["changes"]] == numbers
        status, changes = await undo(api, change="5")
        assert (status, [shown(change) for change in changes]) == (
            200, [(6, "ns", "a", "changed", 4), (7, "ns", "b", "changed", 4)],
        )  # fmt: skip
        async with api.client.get(f"{RULES}/ns/a", headers={"X-Scope-OrgID": "t"}) as response:
            assert await response.text() == group("a", "two")

    run_real_api(tmp_path, scenario)


def test_what_cannot_be_undone_says_why(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await put(api, "ns", group("a", "one"))
        await put(api, "ns", group("a", "two"))
        status, text = await undo(api, change="1")
        assert status == 409
        assert text.startswith("group 'a' of namespace 'ns' was changed again by change 2")
        assert (await undo(api, change="1", force="true"))[0] == 200
        assert await undo(api, change="9") == (404, "change 9 does not exist")
        assert await undo(api, change="1", tenant="u") == (404, "change 1 does not exist")
        assert await undo(api, change="1", tenant="a|b") == (400, "no valid org id found")
        assert await undo(api) == (400, "no change parameter provided")
        assert (await undo(api, change="0"))[1].endswith(
            "got 0; allowed is 1 to 9223372036854775807"
        )
        assert (await undo(api, change="x"))[0] == 400
        assert (await undo(api, change="1", force="maybe"))[0] == 400
        assert (await api.get("rules/changes", limit="1001"))[0] == 400
        assert (await api.get("rules/changes", tenant="a|b"))[0] == 400
        assert (await api.get("rules/changes", tenant="u"))[1] == {"changes": []}

    run_real_api(tmp_path, scenario)


def test_who_changed_what_is_known_by_name(tmp_path: Path) -> None:
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{ann: {hashed}}}")
    login = {"Authorization": f"Basic {base64.b64encode(b'ann:right').decode()}"}

    async def scenario(api: RealApi) -> None:
        await put(api, "ns", group("a", "one"), **login)
        headers = {"X-Scope-OrgID": "t", **login}
        async with api.client.get("/api/v1/rules/changes", headers=headers) as response:
            (change,) = (await response.json())["data"]["changes"]
        assert change["author"] == "ann"

    run_real_api(tmp_path / "data", scenario, web__config__file=str(tmp_path / "web.yml"))
