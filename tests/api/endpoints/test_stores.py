"""The list of stores: this server, and others that queries of the tenant ask."""

from __future__ import annotations

import json
from collections.abc import Mapping

from api.endpoints.handler import Call
from api.endpoints.stores import StoreHandlers
from api.forms import Params
from api.sources.program import Program, StoreFacts

NOW_MS = 1_000_000


def listed(*stores: StoreFacts, tenant: str = "t") -> Mapping[str, list[Mapping[str, object]]]:
    program = Program(listens="here:9009", retention_ms=400_000, stores=lambda: stores)
    handlers = StoreHandlers(program, now_ms=lambda: NOW_MS)
    answer = handlers.stores(Call(Params.parse("", fields_max=1), (tenant,), {}))
    found: Mapping[str, list[Mapping[str, object]]] = json.loads(answer)["data"]
    return found


def test_this_server_is_a_receiver_of_the_tenant() -> None:
    assert listed()["receive"] == [
        {
            "name": "here:9009",
            "lastCheck": "1970-01-01T00:16:40Z",
            "lastError": None,
            "labelSets": [{"tenant_id": "t"}],
            "minTime": 600_000,
            "maxTime": (1 << 63) - 1,
        }
    ]


def test_other_stores_stand_by_their_type() -> None:
    sets = [{"replica": "a", "cluster": "eu"}]
    healthy = StoreFacts("sidecar", "a:1", 500_000, "", sets, (5, 10), "t")
    down = StoreFacts("store", "b:1", 0, "UNAVAILABLE: refused", [], (0, 0))
    found = listed(healthy, down, StoreFacts("sidecar", "c:1", 0, "", [], (0, 0), "other"))
    assert list(found) == ["receive", "sidecar", "store"]
    assert found["sidecar"] == [
        {
            "name": "a:1",
            "lastCheck": "1970-01-01T00:08:20Z",
            "lastError": None,
            "labelSets": [{"cluster": "eu", "replica": "a"}],
            "minTime": 5,
            "maxTime": 10,
        }
    ]
    assert found["store"][0]["lastError"] == "UNAVAILABLE: refused"
