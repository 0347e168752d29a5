"""Writes split by a label: who gets what, and one answer for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
import snappy
from numpy.typing import NDArray

from receiver.errors import Forbidden, RateLimited, WriteError
from receiver.wire.messages import encode_varint
from receiver.write.label_tenants import TENANTS_MAX, LabelTenants, Parts, split_v1, split_v2
from storage.batch import Batch, Outcome, Reject
from storage.errors import LimitExceeded, Overloaded, StorageError, TenantError
from tests.makers.batches import DECODER, batch_of, raw_batch
from tests.makers.bodies.v1 import decode
from tests.twins.wire import v1 as naive

Labels = tuple[tuple[str, str], ...]


@dataclass
class Database:
    """Notes what it is given, by tenant; answers as told."""

    answers: dict[str, Outcome | Exception] = field(default_factory=dict)
    seen: dict[str, list[tuple[Labels, int]]] = field(default_factory=dict)
    points: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    released: int = 0

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        assert tenant not in self.seen, "BUG: a tenant got two parts"
        self.seen[tenant] = [(labels, t) for labels, t, _ in decode(batch.payload)]
        count = batch.sample_count
        if batch.points is not None:
            self.points[tenant] = batch.points
        batch.release()
        answer = self.answers.get(tenant, Outcome(count))
        if isinstance(answer, Exception):
            raise answer
        return answer


def write(
    database: Database,
    *series: dict[str, str],
    tenant: str = "own",
    allowed: str | None = None,
    count: Callable[[Reject], None] = lambda reject: None,
    tenants_max: int = TENANTS_MAX,
) -> Outcome:
    batch = batch_of([(labels, [(k, 1.0)]) for k, labels in enumerate(series)])
    splitter = LabelTenants(
        database,
        DECODER,
        "team",
        allows=lambda name: allowed is None or name in allowed,
        count=count,
        tenants_max=tenants_max,
    )
    return asyncio.run(splitter.append(tenant, batch, 0))


UP = ("__name__", "up")


def test_each_tenant_gets_its_series_without_the_label() -> None:
    database = Database()
    outcome = write(
        database,
        {"__name__": "up", "team": "a", "z": "1"},
        {"__name__": "up"},
        {"__name__": "up", "team": "b"},
        {"__name__": "up", "team": ""},
        {"__name__": "up", "a": "x", "team": "a"},
        {"__name__": "up", "team": "own", "q": "team"},
    )
    assert outcome == Outcome(6)
    empty = (UP, ("team", ""))
    assert database.seen == {
        "a": [((UP, ("z", "1")), 0), ((UP, ("a", "x")), 4)],
        "own": [((UP,), 1), (empty, 3), ((UP, ("q", "team")), 5)],
        "b": [((UP,), 2)],
    }


@pytest.mark.parametrize(
    ("labels", "kept"),
    [
        ({"__name__": "up"}, (UP,)),
        ({"__name__": "team"}, (("__name__", "team"),)),
        ({"__name__": "up", "team": "own"}, (UP,)),
    ],
)
def test_a_request_of_one_tenant(labels: dict[str, str], kept: Labels) -> None:
    database = Database()
    assert write(database, labels) == Outcome(1)
    assert database.seen == {"own": [(kept, 0)]}


UP_OF = {"__name__": "up"}


@pytest.mark.parametrize(
    ("team", "reason"),
    [("b", "tenant_forbidden"), ("a/b", "tenant_invalid"), ("..", "tenant_invalid"),
     ("\N{SNOWMAN}", "tenant_invalid"), ("x" * 151, "tenant_invalid")],
)  # fmt: skip
def test_a_series_that_can_be_no_tenants_costs_no_other(team: str, reason: str) -> None:
    database, counted = Database(), []
    bad = {**UP_OF, "team": team}
    series = [UP_OF, bad, {**UP_OF, "team": "a"}, {**bad, "x": "1"}]
    outcome = write(database, *series, allowed="a", count=counted.append)
    assert outcome.accepted == 2
    ((found, count, message, examples),) = [
        (r.reason, r.count, r.message, r.examples) for r in outcome.rejects
    ]
    assert (found, count, [e.timestamp_ms for e in examples]) == (reason, 2, [1, 3])
    assert message.startswith("series refused: a label value that names ")
    assert "(tenant.label=team); first: {" in message
    assert database.seen == {"own": [((UP,), 0)], "a": [((UP,), 2)]}
    assert counted == list(outcome.rejects)


def test_a_request_of_foreign_series_only_is_forbidden() -> None:
    database = Database()
    with pytest.raises(Forbidden):
        write(database, {**UP_OF, "team": "b"}, {**UP_OF, "team": "c/d"}, allowed="a")
    assert database.seen == {}
    outcome = write(database, {**UP_OF, "team": "c/d"}, allowed="a")
    assert (outcome.accepted, [r.reason for r in outcome.rejects]) == (0, ["tenant_invalid"])


def test_a_request_may_name_so_many_tenants() -> None:
    series = [{**UP_OF, "team": f"t{k}"} for k in (0, 1, 2, 1)]
    assert write(Database(), *series[:2], tenants_max=2) == Outcome(2)
    outcome = write(Database(), *series, tenants_max=2)
    (reject,) = outcome.rejects
    assert (outcome.accepted, reject.reason) == (3, "too_many_tenants")
    assert "a tenant above the 2 that one request may name" in reject.message


def test_data_points_are_counted_in_parts() -> None:
    database = Database({"b": Outcome(1, refused_points=1)})
    series = [{**UP_OF, "team": team} for team in ("a", "x/y", "b", "x/y", "a")]
    batch = batch_of([(labels, [(k, 1.0), (k + 9, 1.0)]) for k, labels in enumerate(series)])
    batch.points = np.array([0, 1, 2, 2, -1, 3, 2, 4, 5, 0])
    splitter = LabelTenants(database, DECODER, "team", allows=lambda name: True)
    outcome = asyncio.run(splitter.append("own", batch, 0))
    assert outcome.refused_points == 3, "2 and 4 are not stored, and one of tenant b"
    assert {name: found.tolist() for name, found in database.points.items()} == {
        "a": [0, 1, 5, 0], "b": [-1, 3],
    }  # fmt: skip


def test_a_final_failure_of_one_tenant_is_a_refusal() -> None:
    database = Database({"a": LimitExceeded("no room")})
    series = [{**UP_OF, "team": team} for team in "aab"]
    wanted = Outcome(1, (Reject("limit", 2, "no room"),))
    assert write(database, *series) == wanted
    with pytest.raises(LimitExceeded):
        write(Database({"a": LimitExceeded("no room")}), *series[:2])


def test_refusals_of_all_parts_are_told_together() -> None:
    answers: dict[str, Outcome | Exception] = {
        "a": Outcome(3, (Reject("x", 1, "first"), Reject("y", 1, "other")), dropped=1),
        "b": Outcome(4, (Reject("x", 2, "second"),)),
    }
    series = [{"__name__": "up", "team": team} for team in "abc"]
    wanted = (Reject("x", 3, "first"), Reject("y", 1, "other"))
    assert write(Database(answers), *series) == Outcome(8, wanted, dropped=1)


LIMITED = RateLimited("too fast", status=429, retry_after_s=1)


@pytest.mark.parametrize(
    ("answers", "raised"),
    [
        ([LIMITED, Outcome(1)], LIMITED),
        ([LIMITED, Overloaded("full")], "full"),
        ([TenantError("no"), LIMITED], LIMITED),
        ([RuntimeError("bug"), Overloaded("full")], "bug"),
    ],
)
def test_the_failure_that_may_pass_is_told_first(
    answers: list[Outcome | Exception], raised: object
) -> None:
    database = Database(dict(zip("ab", answers, strict=True)))
    with pytest.raises((WriteError, StorageError, RuntimeError)) as found:
        write(database, *({"__name__": "up", "team": team} for team in "ab"))
    assert str(found.value) == str(raised)
    assert set(database.seen) == {"a", "b"}


def test_what_is_no_series_stays_with_the_tenant_of_the_request() -> None:
    metadata = naive.message(3, naive.message(2, b"team"))
    series = naive.series([(b"__name__", b"up"), (b"team", b"a")], [(1, 2)], naive.message(3, b""))
    body = metadata + series
    assert raw_batch(body).sample_count == 1
    kept = naive.series([(b"__name__", b"up")], [(1, 2)], naive.message(3, b""))
    parts = Parts("own", TENANTS_MAX)
    split_v1(body, b"team", parts)
    assert parts.bodies() == {"own": metadata, "a": kept}


SYMBOLS = [b"", b"__name__", b"up", b"team", b"a", b"b", b"z"]
HEAD = b"".join(naive.message(4, symbol) for symbol in SYMBOLS)
SAMPLE = naive.message(2, b"\x10\x05")


def series_v2(*references: int, packed: bool = True) -> bytes:
    if packed:
        labels = naive.message(1, b"".join(map(encode_varint, references)))
    else:
        labels = b"".join(chain.from_iterable((b"\x08", encode_varint(r)) for r in references))
    return naive.message(5, labels + SAMPLE)


@pytest.mark.parametrize("packed", [True, False])
def test_remote_write_2_is_split_by_references(packed: bool) -> None:
    first = series_v2(1, 2, 3, 4, 6, 5, packed=packed)
    plain = series_v2(1, 2, packed=packed)
    odd, wild = series_v2(1, 2, 3), series_v2(1, 200)
    second = series_v2(3, 5, 1, 2)
    body = first + plain + odd + wild + HEAD + second
    parts = Parts("own", TENANTS_MAX)
    split_v2(body, b"team", parts)
    assert parts.bodies() == {
        "a": HEAD + series_v2(1, 2, 6, 5),
        "own": HEAD + plain + odd + wild,
        "b": HEAD + series_v2(1, 2),
    }


def test_bodies_are_as_senders_compress_them() -> None:
    payload = snappy.compress(naive.series([(b"__name__", b"up")], [(1, 2)]))
    assert [t for _, t, _ in decode(payload)] == [1]
