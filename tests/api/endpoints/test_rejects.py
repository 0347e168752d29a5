"""Refusals over HTTP: canned ones as JSON, and real ones from a sample to the answer."""

from __future__ import annotations

from pathlib import Path

from storage.batch import Example, Reject
from storage.refusals.ledger import Sender
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.fake_store import FakeStore, Running, run_api
from tests.makers.real_api import RealApi, run_real_api

SENDER = Sender("10.0.0.1", "Prometheus/2.42.0")


def fill(store: FakeStore) -> None:
    example = Example({"__name__": "up", "job": "a\n\u00e9"}, 1_500, float("nan"))
    store.ledger.note("t", [Reject("too_old", 3, "far too old", (example,))], SENDER, 10_000)
    store.ledger.note("t", [Reject("too_large", 1, "9 bytes")], SENDER, 20_500)
    store.ledger.note("u", [Reject("corrupt", 1, "not a body")], SENDER, 30_000)


def test_refusals_as_json() -> None:
    async def check(running: Running) -> None:
        headers = {"X-Scope-OrgID": "t"}
        async with running.client.get("/api/v1/status/rejected", headers=headers) as response:
            data = (await response.json())["data"]
        sender = {"address": "10.0.0.1", "userAgent": "Prometheus/2.42.0"}
        whole = {"tenant": "t", "reason": "too_large", "count": 1}
        whole |= {"firstSeen": 20.5, "lastSeen": 20.5}
        sample = {"tenant": "t", "reason": "too_old", "firstSeen": 10.0, "lastSeen": 10.0}
        assert data["rejected"] == [
            {
                **whole,
                "message": "9 bytes",
                "labels": None,
                "timestamp": None,
                "value": None,
                "sender": sender,
            },
            {
                **sample,
                "count": 1,
                "message": "far too old",
                "labels": {"__name__": "up", "job": "a\n\u00e9"},
                "timestamp": 1.5,
                "value": "NaN",
                "sender": sender,
            },
        ]
        assert data["counts"] == [whole, sample | {"count": 3}]

    run_api(check, fill=fill)


def test_parameters_choose_and_bad_ones_are_refused() -> None:
    async def check(running: Running) -> None:
        async def reasons(tenants: str, **params: str) -> list[str]:
            url, headers = "/api/v1/status/rejected", {"X-Scope-OrgID": tenants}
            async with running.client.get(url, params=params, headers=headers) as response:
                data = (await response.json())["data"]
            return [entry["reason"] for entry in data["rejected"]]

        assert await reasons("t|u") == ["corrupt", "too_large", "too_old"]
        assert await reasons("t|u", limit="1") == ["corrupt"]
        assert await reasons("t", reason="too_large") == ["too_large"]
        assert await reasons("t|u", **{"match[]": '{job=~"a.*"}'}) == ["too_old"]
        assert await reasons("default") == []
        status, answer = await running.get("status/rejected", **{"match[]": "up{"})
        assert (status, answer["errorType"]) == (400, "bad_data")
        status, answer = await running.get("status/rejected", limit="-1")
        assert (status, answer["errorType"]) == (400, "bad_data")

    run_api(check, fill=fill)


def test_a_refused_sample_is_found_with_its_sender(tmp_path: Path) -> None:
    async def scenario(api: RealApi) -> None:
        headers = HEADERS | {"X-Scope-OrgID": "t", "User-Agent": "agent/1"}
        body = encode([({"__name__": "up", "job": "j"}, [(1_000, 1.0)])])
        again = encode([({"__name__": "up", "job": "j"}, [(1_000, 2.0)])])
        nameless = encode([({"job": "j"}, [(1_000, 3.0)])])
        for data, expected in ((body, 204), (again, 400), (nameless, 400), (b"\xff", 400)):
            async with api.client.post("/api/v1/write", data=data, headers=headers) as response:
                assert response.status == expected
        status, data = await api.get("status/rejected")
        assert status == 200
        found = [(e["reason"], e["labels"], e["timestamp"], e["value"]) for e in data["rejected"]]
        assert found == [
            ("corrupt", None, None, None),
            ("label_invalid", {"job": "j"}, 1.0, "3"),
            ("duplicate", {"__name__": "up", "job": "j"}, 1.0, "2"),
        ]
        assert {e["sender"]["userAgent"] for e in data["rejected"]} == {"agent/1"}
        assert {e["sender"]["address"] for e in data["rejected"]} == {"127.0.0.1"}
        status, data = await api.get("status/rejected", tenant="u")
        assert data == {"rejected": [], "counts": []}

    run_real_api(tmp_path, scenario)
