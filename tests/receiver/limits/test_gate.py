"""What a write meets before the database: size and rates."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from aiohttp.test_utils import make_mocked_request

from receiver.errors import RateLimited, TooLarge
from receiver.limits.gate import WriteGate
from receiver.limits.limits import TenantLimits
from receiver.write.handler import failure_response
from storage.batch import Batch, Outcome
from storage.tenants.ingestion import TICK_S, IngestionRates
from tests.makers.batches import batch_of


@dataclass
class Database:
    """Notes what it is given."""

    seen: list[str] = field(default_factory=list)

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        self.seen.append(tenant)
        batch.release()
        return Outcome(batch.sample_count)


LIMITS = {
    "a": TenantLimits(ingestion_rate=0.001, ingestion_burst_size=5),
    "b": TenantLimits(request_rate=0.001, request_burst_size=2),
    "c": TenantLimits(max_recv_msg_size=10),
}


def gate(**options: int) -> WriteGate:
    return WriteGate(Database(), lambda tenant: LIMITS.get(tenant, TenantLimits()), **options)


def append(target: WriteGate, tenant: str, samples: int) -> Outcome:
    batch = batch_of([({"__name__": "up"}, [(t, 1.0) for t in range(samples)])])
    return asyncio.run(target.append(tenant, batch, 0))


@pytest.mark.parametrize("status", [429, 503])
def test_samples_above_the_rate_are_refused_with_a_time_to_come_again(status: int) -> None:
    target = gate(rate_limit_status=status)
    assert append(target, "a", 5).accepted == 5
    with pytest.raises(RateLimited, match="3 samples, and more than 0.001 a second") as raised:
        append(target, "a", 3)
    assert "ingestion_rate in limits.file" in str(raised.value)
    response = failure_response(make_mocked_request("POST", "/"), raised.value)
    assert response.status == status
    assert 3000 < int(response.headers["Retry-After"]) <= 3005
    assert append(target, "x", 1000).accepted == 1000


def test_requests_above_the_rate_are_refused_before_their_body_is_read() -> None:
    target = gate()
    target.admit("b", None)
    target.admit("b", 10**9)
    with pytest.raises(RateLimited, match="request_rate in limits.file, request_burst_size=2"):
        target.admit("b", 1)


def test_a_request_above_the_size_is_refused_whether_announced_or_not() -> None:
    target = gate()
    target.admit("c", 10)
    with pytest.raises(TooLarge, match="body of 11 bytes; .*max_recv_msg_size"):
        target.admit("c", 11)
    with pytest.raises(TooLarge, match="max_recv_msg_size"):
        append(target, "c", 100)


def test_what_was_written_counts_for_the_rate() -> None:
    target, now_s = gate(), [0.0]
    target.ingestion = IngestionRates(lambda: now_s[0])
    append(target, "a", 5)
    with pytest.raises(RateLimited):
        append(target, "a", 5)
    now_s[0] += TICK_S
    assert target.ingestion.of(["a"]) == (5 / TICK_S, 0.0)
