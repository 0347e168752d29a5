"""Mimir's configuration API over the whole program: codes, texts, YAML, and its tools' requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from yarl import URL

from tests.makers.real_api import RealApi, run_real_api
from tests.makers.rules.mimirtool import Mimirtool, ToolFailed

EXPR = "sum by (job) (\n  rate(x_total[5m])  # a comment\n)\n"
GROUP = {
    "name": "slo",
    "interval": "30s",
    "rules": [
        {"record": "job:x:rate5m", "expr": EXPR, "labels": {"team": "1"}},
        {
            "alert": "Burning",
            "expr": "job:x:rate5m > 0.5",
            "for": "5m",
            "annotations": {"summary": "{{ $labels.job }} burns: {{ $value }}\n\nnow"},
        },
        {"record": "y", "expr": "  up==1", "labels": {}},
    ],
}
DONE = b'{"status":"success","data":null,"errorType":"","error":""}'
RULES = "/config/v1/rules"


async def ask(
    api: RealApi, method: str, path: str, body: str | None = None, tenant: str = "t", **headers: str
) -> tuple[int, str, str]:
    """Status, kind and text of an answer."""
    sent = {"X-Scope-OrgID": tenant} | {n.replace("_", "-"): text for n, text in headers.items()}
    data = None if body is None else body.encode()
    async with api.client.request(method, path, data=data, headers=sent) as response:
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        return response.status, kind, await response.text()


def yaml_of(group: dict[str, Any]) -> str:
    return yaml.safe_dump(group, sort_keys=False)


def test_groups_are_written_read_and_deleted(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for prefix in ("", "/prometheus"):
            base = f"{prefix}{RULES}"
            assert await ask(api, "GET", base) == (200, "application/yaml", "{}\n")
            put = await ask(api, "POST", f"{base}/team%2Fa", yaml_of(GROUP))
            assert put == (202, "application/json", DONE.decode())
            status, kind, text = await ask(api, "GET", f"{base}/team%2Fa/slo")
            assert (status, kind, yaml.safe_load(text)) == (200, "application/yaml", GROUP)
            for path in (base, f"{base}/team%2Fa"):
                status, kind, text = await ask(api, "GET", path)
                assert (status, kind) == (200, "application/yaml")
                assert yaml.safe_load(text) == {"team/a": [GROUP]}
            assert (await ask(api, "GET", f"{base}/other"))[2] == "{}\n"
            assert (await ask(api, "DELETE", f"{base}/team%2Fa/slo"))[0] == 202
            assert (await ask(api, "GET", base))[2] == "{}\n"

    run_real_api(tmp_path, scenario)


CASES = [
    ("GET", f"{RULES}/ns/none", None, 404, "group does not exist\n"),
    ("DELETE", f"{RULES}/ns/none", None, 404, "group does not exist\n"),
    ("DELETE", f"{RULES}/none", None, 404, "group namespace does not exist\n"),
    ("POST", f"{RULES}/ns", "", 400, "unable to decode rule group\n"),
    ("POST", f"{RULES}/ns", "name: [", 400, "unable to decode rule group: yaml: "),
    ("POST", f"{RULES}/ns", "name: a", 400, "rule group 'a' has no rules"),
    ("POST", f"{RULES}/ns", "rules: [{record: a, expr: up}]", 400, "name must not be empty"),
    (
        "POST",
        f"{RULES}/ns",
        "{name: a, rules: [{alert: A, expr: 'up('}]}",
        400,
        '1:36: group "a", rule 1, "A": could not parse expression: 1:4: parse error: ',
    ),
    (
        "POST",
        f"{RULES}/ns",
        "{name: a, source_tenants: [b], rules: [{alert: A, expr: up}]}",
        400,
        "is a federated rule group, but rules federation is disabled",
    ),
    ("PUT", f"{RULES}/ns", "", 405, ""),
    ("POST", RULES, "", 405, ""),
]


def test_errors_are_plain_text_in_mimirs_words(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        for method, path, body, status, text in CASES:
            answer = await ask(api, method, path, body)
            assert answer[0] == status, (path, answer)
            assert answer[1] == "text/plain"
            assert text in answer[2]
        for tenants in ("a|b", "a|b|c"):
            answer = await ask(api, "GET", RULES, tenant=tenants)
            assert answer == (400, "text/plain", "no valid org id found\n")

    run_real_api(tmp_path, scenario)


def test_tenants_have_their_own(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await ask(api, "POST", f"{RULES}/ns", yaml_of(GROUP), "a")
        assert (await ask(api, "GET", RULES, tenant="b"))[2] == "{}\n"
        assert (await ask(api, "DELETE", f"{RULES}/ns", tenant="b"))[0] == 404
        emptied = await ask(api, "POST", "/ruler/delete_tenant_config", "", "b")
        assert emptied[0] == 200
        assert "slo" in (await ask(api, "GET", RULES, tenant="a"))[2]
        assert (await ask(api, "POST", "/ruler/delete_tenant_config", "", "a"))[0] == 200
        assert (await ask(api, "GET", RULES, tenant="a"))[2] == "{}\n"

    run_real_api(tmp_path, scenario)


LIMITS = """
overrides:
  t: {ruler_protected_namespaces: [safe]}
"""


def test_protected_namespaces_are_changed_by_those_who_say_so(tmp_path: Path) -> None:
    (tmp_path / "limits.yml").write_text(LIMITS)

    async def scenario(api: RealApi) -> None:
        refused = (403, "text/plain", "namespace is protected, no modification allowed\n")
        assert await ask(api, "POST", f"{RULES}/safe", yaml_of(GROUP)) == refused
        said = {"X_Mimir_Ruler_Override_Namespace_Protection": "other, safe"}
        assert (await ask(api, "POST", f"{RULES}/safe", yaml_of(GROUP), **said))[0] == 202
        assert await ask(api, "DELETE", f"{RULES}/safe") == refused
        headers = {"X-Scope-OrgID": "t"}
        for path in (RULES, f"{RULES}/safe", f"{RULES}/safe/slo"):
            async with api.client.get(path, headers=headers) as response:
                assert response.headers["X-Mimir-Ruler-Protected-Namespaces"] == "safe"
        async with api.client.get(RULES, headers={"X-Scope-OrgID": "u"}) as response:
            assert "X-Mimir-Ruler-Protected-Namespaces" not in response.headers

    run_real_api(tmp_path / "data", scenario, limits__file=str(tmp_path / "limits.yml"))


def test_grafana_is_told_that_rules_can_be_edited(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        status, data = await api.get("status/buildinfo")
        assert status == 200
        assert data["features"]["ruler_config_api"] == "true"
        assert (await ask(api, "GET", f"{RULES}/test/test"))[0] == 404

    async def without(api: RealApi) -> None:
        assert "features" not in (await api.get("status/buildinfo"))[1]
        answer = await ask(api, "GET", RULES)
        assert answer == (404, "text/plain", "page not found\n")

    run_real_api(tmp_path / "with", scenario)
    run_real_api(tmp_path / "without", without, rules__api__enabled="false")


def test_rules_outlive_a_restart(tmp_path: Path) -> None:
    async def first(api: RealApi) -> None:
        assert (await ask(api, "POST", f"{RULES}/ns", yaml_of(GROUP)))[0] == 202

    async def second(api: RealApi) -> None:
        assert yaml.safe_load((await ask(api, "GET", f"{RULES}/ns/slo"))[2]) == GROUP

    run_real_api(tmp_path, first)
    run_real_api(tmp_path, second)


def test_mimirtool_loads_compares_and_syncs(tmp_path: Path) -> None:
    other = {"name": "other", "rules": [{"record": "r", "expr": "up"}]}
    files = {"ns": [GROUP, other], "b/c.yml": [other]}

    async def scenario(api: RealApi) -> None:
        tool = Mimirtool(api.client, "t")
        assert await tool.list() == {}
        assert await tool.load(files) == "3 loaded"
        assert await tool.load(files) == "0 loaded", "what came back is equal"
        assert await tool.list() == {"b/c.yml": [other], "ns": [other, GROUP]}
        nothing = "0 Groups Created, 0 Groups Updated, 0 Groups Deleted"
        assert await tool.diff(files) == f"Diff Summary: {nothing}"
        changed = {"ns": [GROUP | {"interval": "1m"}], "new": [other]}
        wanted = "1 Groups Created, 1 Groups Updated, 2 Groups Deleted"
        assert await tool.diff(changed) == f"Diff Summary: {wanted}"
        assert await tool.sync(changed) == f"Sync Summary: {wanted}"
        assert await tool.sync(changed) == f"Sync Summary: {nothing}"
        assert await tool.get("ns", "other") is None
        await tool.delete("new", "other")
        await tool.delete_namespace("ns")
        assert await tool.list() == {}
        with pytest.raises(ToolFailed, match="404: group namespace does not exist"):
            await tool.delete_namespace("ns")

    run_real_api(tmp_path, scenario)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_names_that_are_no_text_are_refused(tmp_path: Path, method: str) -> None:
    async def scenario(api: RealApi) -> None:
        for path in ("%FF", "a%C3"):
            url = URL(str(api.client.make_url(RULES)) + f"/{path}", encoded=True)
            own = {"X-Scope-OrgID": "t"}
            async with api.client.session.request(
                method, url, data=yaml_of(GROUP), headers=own
            ) as response:
                answer = response.status, await response.text()
            assert answer[0] in {400, 404}, answer

    run_real_api(tmp_path, scenario)
