"""The ruler in the whole program: rules from files, recorded and alerting, seen by queries."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from receiver.server import check
from receiver.settings.config import ConfigError, build
from storage.tenants import ingestion
from tests.makers.real_api import RealApi, run_real_api

LIMIT_S = 120.0
RULES = """groups:
- name: g
  interval: 1s
  rules:
  - record: sums
    expr: sum by (job) (m)
  - record: doubled
    expr: sums * 2
    labels: {team: a}
  - alert: High
    expr: sums > 3
    annotations: {summary: "{{ $labels.job }} {{ $externalLabels.region }}"}
"""


async def until(what: Callable[[], Awaitable[Any]]) -> Any:
    """What is asked for, once it is there."""
    ends = time.monotonic() + LIMIT_S
    while time.monotonic() < ends:
        if found := await what():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


async def fill(api: RealApi, tenant: str) -> None:
    """Samples for as long as a test may take."""
    now_ms = int(time.time() * 1000)
    samples = [(now_ms + at * 1000, 2.0) for at in range(-300, 500, 5)]
    series = [({"__name__": "m", "job": "j", "i": str(i)}, samples) for i in range(2)]
    await api.write(*series, tenant=tenant)


def test_what_rules_write_has_a_rate_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "TICK_S", 0.2)
    put(tmp_path / "rules" / "t" / "a.yml", RULES)

    async def scenario(api: RealApi) -> None:
        async def rates() -> dict[str, float]:
            headers = {"X-Scope-OrgID": "t"}
            async with api.client.get("/api/v1/user_stats", headers=headers) as response:
                found: dict[str, float] = await response.json()
            return found if found["RuleIngestionRate"] > 0 else {}

        await fill(api, "t")
        found = await until(rates)
        both = found["APIIngestionRate"] + found["RuleIngestionRate"]
        assert found["ingestionRate"] == pytest.approx(both)

    pattern = str(tmp_path / "rules" / "*" / "*.yml")
    run_real_api(tmp_path / "data", scenario, rules__files=pattern)


def test_rules_are_recorded_and_alert(tmp_path: Path) -> None:
    path = tmp_path / "rules" / "t" / "a.yml"
    put(path, RULES)
    put(tmp_path / "rules" / "u" / "a.yml", RULES.replace("m)", "m) + 1"))

    async def scenario(api: RealApi) -> None:
        await fill(api, "t")
        await fill(api, "u")
        (found,) = await until(lambda: api.query("last_over_time(doubled[10m])"))
        assert found["metric"] == {"__name__": "doubled", "job": "j", "team": "a"}
        assert found["value"][1] == "8"
        (found,) = await until(lambda: api.query("last_over_time(doubled[10m])", tenant="u"))
        assert found["value"][1] == "10"
        (alert,) = await until(lambda: api.query("last_over_time(ALERTS[10m])"))
        assert alert["metric"] == {
            "__name__": "ALERTS", "alertname": "High", "alertstate": "firing", "job": "j"
        }  # fmt: skip
        async with api.client.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        assert f'prometheus_rule_group_rules{{rule_group="{path};g",tenant="t"}} 3.0' in lines
        # A change is taken over, and what is wrong is not.
        put(path, RULES.replace("sums * 2", "sums * 3"))
        query = "last_over_time(doubled[10m]) == 12"
        await until(lambda: api.query(query))
        put(path, RULES.replace("sums * 2", "sums *"))

        async def has_failed() -> bool:
            async with api.client.get("/metrics") as response:
                text = await response.text()
            return 'cupola_reload_failures_total{setting="rules.files"} 1.0' in text

        await until(has_failed)
        count = "count_over_time(doubled[10m])"
        before = float((await api.query(count))[0]["value"][1])
        await until(lambda: api.query(f"{count} > {before}"))
        assert await api.query(query)

    run_real_api(
        tmp_path / "data",
        scenario,
        rules__files=f"{tmp_path}/rules/*/*.yml",
        reload_interval="20ms",
        rules__external_labels="region=north",
    )


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"rules.files": "{path}/bad.yml"}, "bad.yml"),
        ({"rules.external-labels": "a"}, "rules.external-labels"),
        ({"rules.files": "{path}/good.yml", "rules.tenant": "a/b"}, "invalid tenant"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, settings: dict[str, str], error: str) -> None:
    put(tmp_path / "bad.yml", "groups: 1")
    put(tmp_path / "good.yml", RULES)
    given = {name: text.format(path=tmp_path) for name, text in settings.items()}
    config = build({"storage.path": str(tmp_path / "data"), **given})
    with pytest.raises(ConfigError, match=error):
        check(config)
