"""POST /api/v1/rules/replay, on the whole program."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from receiver.cli import main
from rules.replay.limits import ReplayStopped
from rules.replay.outcome import Outcome
from rules.replay.run import Watching, replay
from tests.makers.real_api import RealApi, run_real_api

LIMIT_S = 120.0
START_S = 1_793_527_200
POINTS = [((START_S + 15 * k) * 1000, float(k // 40 % 2)) for k in range(240)]
SERIES = [({"__name__": "up", "job": "a", "replica": replica}, POINTS) for replica in "xy"]
RULES = """\
groups:
- name: g
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
  - {alert: Up, expr: 'job:up:sum > 0', for: 2m, annotations: {in: '{{ $externalLabels.region }}'}}
"""
PERIOD = {"start": str(START_S), "end": str(START_S + 3600), "phase[]": f"g={START_S}"}


async def post(api: RealApi, body: str = RULES, *, tenant: str = "t", **params: Any) -> Any:
    """Status, and the data or the text of the error."""
    headers = {"X-Scope-OrgID": tenant, "Content-Type": "application/yaml"}
    url = "/api/v1/rules/replay"
    async with api.client.post(url, data=body, params=params, headers=headers) as response:
        answer = await response.json()
        return response.status, answer.get("data", answer.get("error"))


def firing(document: Any) -> Sequence[str]:
    alerts = [alert for rule in document["groups"][0]["rules"][1:] for alert in rule["alerts"]]
    changes = [change for alert in alerts for change in alert["changes"]]
    return [change["time"] for change in changes if change["state"] == "firing"]


def test_groups_may_have_the_fields_that_the_ruler_takes(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(*SERIES)
        aligned = RULES.replace(
            "- name: g\n", "- name: g\n  align_evaluation_time_on_interval: true\n"
        )
        period = {"start": str(START_S), "end": str(START_S + 600)}
        status, document = await post(api, aligned, **period)
        assert status == 200, document
        assert document["groups"][0]["evaluations"] == 11
        federated = RULES.replace("- name: g\n", "- name: g\n  source_tenants: [a]\n")
        status, error = await post(api, federated, **period)
        assert (status, "has source_tenants" in error) == (422, True), (status, error)

    run_real_api(tmp_path, scenario)


def test_rules_are_replayed_over_what_a_tenant_has(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        await api.write(*SERIES)
        more = {"external_label[]": "region=eu", "file": "a.yml"}
        status, document = await post(api, **PERIOD, **more)
        assert status == 200, document
        assert firing(document) == [f"2026-11-01T10:{at}:00Z" for at in (12, 32, 52)]
        (group,) = document["groups"]
        assert (group["file"], group["evaluations"]) == ("a.yml", 61)
        assert group["rules"][0]["series"] == 1  # the replicas are one
        change = group["rules"][1]["alerts"][0]["changes"][0]
        assert change["annotations"] == {"in": "eu"}
        assert document["summary"]["queries"] == 2
        apart = await post(api, **PERIOD, dedup="false")
        assert apart[1]["groups"][0]["rules"][0]["series"] == 1
        status, document = await post(api, tenant="other", **PERIOD)
        assert (status, document["summary"]["alerts"]) == (200, 0)
        # Nothing was stored.
        assert await api.query("job:up:sum", time=str(START_S + 3600)) == []

    run_real_api(tmp_path, scenario)


@pytest.mark.parametrize(
    ("body", "params", "status", "error"),
    [
        ("groups: 5", {}, 400, "cannot unmarshal"),
        ("groups: []", {}, 400, "the body has no groups of rules"),
        ("", {}, 400, "the body has no groups of rules"),
        (RULES.replace("sum by", "sun by"), {}, 400, "could not parse expression"),
        (RULES, {"start": "x"}, 400, 'cannot parse "x" to a valid timestamp'),
        (RULES, {"end": "1"}, 400, "end timestamp must not be before start time"),
        (RULES, {"phase[]": "g"}, 400, "phase: got 'g'"),
        (RULES, {"dedup": "maybe"}, 400, "dedup"),
        (RULES, {"interval": "1ms"}, 422, "rules.replay.max-evaluations"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, body: str, params: dict[str, str], status: int, error: str
) -> None:
    async def scenario(api: RealApi) -> None:
        got, text = await post(api, body, **(PERIOD | params))
        assert got == status, text
        assert error in text

    run_real_api(tmp_path, scenario)


def test_the_command_asks_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    flags = [f"--start={START_S}", f"--end={START_S + 3600}", f"--phase=g={START_S}"]
    flags += ["--tenant=t", "--external-label=region=eu"]

    async def scenario(api: RealApi) -> None:
        await api.write(*SERIES)
        where = ["rules", "replay", str(rules), f"--url={api.client.make_url('')}"]
        assert await asyncio.to_thread(main, [*where, *flags, "--format=json"]) == 0
        assert await asyncio.to_thread(main, [*where, *flags]) == 0
        assert await asyncio.to_thread(main, [*where, *flags, "--interval=1ms"]) == 1
        assert await asyncio.to_thread(main, [*where, "--config=x"]) == 2
        assert await asyncio.to_thread(main, [*where, *flags, "--write"]) == 0
        (found,) = await api.query("count_over_time(job:up:sum[2h])", time=str(START_S + 3600))
        assert found["value"][1] == "61"

    run_real_api(tmp_path / "data", scenario)
    captured = capsys.readouterr()
    document, end = json.JSONDecoder().raw_decode(captured.out)
    assert document["groups"][0]["file"] == str(rules)
    assert len(firing(document)) == 3
    assert "  record job:up:sum: 1 series, 61 samples" in captured.out[end:]
    assert "cupola: execution: the replay takes" in captured.err
    assert "--url asks a server, which has settings of its own" in captured.err
    assert "written: 61 samples" in captured.err


def test_what_was_recorded_is_stored_where_that_is_asked_for(tmp_path: Path) -> None:
    end = str(START_S + 3600)

    async def scenario(api: RealApi) -> None:
        await api.write(*SERIES)
        for _ in range(2):  # again gives the same
            status, document = await post(api, **PERIOD, write="true")
            assert (status, document["written"]) == (200, {"samples": 61, "refused": []})
            assert await api.query("count_over_time(job:up:sum[2h])", time=end) == [
                {"metric": {"job": "a"}, "value": [START_S + 3600, "61"]}
            ]
            assert await api.query("ALERTS", time=end) == []
        status, document = await post(api, **PERIOD, write_alerts="1")
        assert status == 200
        (found,) = await api.query("ALERTS", time=end)
        assert found["metric"]["alertstate"] == "firing"
        assert (await post(api, **PERIOD, write="maybe"))[0] == 400
        status, text = await post(api, tenant="t|u", **PERIOD, write="true")
        assert (status, "several were named" in text) == (400, True)

    run_real_api(tmp_path, scenario)


def test_writing_needs_the_right_to(tmp_path: Path) -> None:
    auth = tmp_path / "auth.yml"
    token = "secret"
    digest = sha256(token.encode()).hexdigest()
    auth.write_text(f"tokens: {{r: {{sha256: {digest}, tenant: t, rights: [read]}}}}\n")

    async def scenario(api: RealApi) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        for params, expected in [({}, 200), ({"write": "true"}, 403), ({"write_alerts": "t"}, 403)]:
            async with api.client.post(
                "/api/v1/rules/replay", data=RULES, params=PERIOD | params, headers=headers
            ) as response:
                assert response.status == expected, await response.text()

    run_real_api(tmp_path / "data", scenario, auth__file=str(auth))


def test_a_replay_ends_once_its_client_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def held(engine: Any, base: Any, wanted: Any, watching: Watching) -> Outcome:
        """Replays once it is known that the client has left."""
        begun.set()
        ends = time.monotonic() + LIMIT_S
        while not watching.cancelled():
            assert time.monotonic() < ends, "it was not cancelled"
            time.sleep(0.01)
        try:
            return replay(engine, base, wanted, watching)
        except ReplayStopped:
            ended.set()
            raise

    monkeypatch.setattr("receiver.replaying.serving.replay", held)

    async def scenario(api: RealApi) -> None:
        await api.write(*SERIES)
        asking = asyncio.create_task(post(api, **PERIOD))
        assert await asyncio.to_thread(begun.wait, LIMIT_S)
        asking.cancel()  # which closes the connection
        await asyncio.wait([asking])
        assert await asyncio.to_thread(ended.wait, LIMIT_S)

    run_real_api(tmp_path, scenario)
