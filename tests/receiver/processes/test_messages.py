"""What processes say to each other about writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from receiver.errors import Busy, RateLimited, TooLarge
from receiver.late_database import NotReady
from receiver.processes.arenas import ArenaPool, mapped
from receiver.processes.messages import (
    ANSWERED,
    HANDED,
    Answered,
    Unframed,
    batch_of,
    error_of,
    failed,
    framed,
    handed,
)
from receiver.wire.buffers import BufferPool
from receiver.wire.columns import Secrets
from receiver.wire.decoder import WriteDecoder
from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_2_SNAPPY,
    Batch,
    Example,
    Outcome,
    Reject,
)
from storage.errors import LogFailed, TenantError
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v2, compress
from tests.makers.bodies.v1 import encode

SEED = b"x" * 32
LABELS = {"__name__": "up", "job": "a"}
COLUMNS = (
    "buffer", "label_start", "label_end", "hash_low", "hash_high", "sample_offsets", "timestamps",
    "values", "starts", "series_reasons", "points",
)  # fmt: skip
SERIES = [WireSeries(LABELS, [(5, 1.0, 3), (6, 2.0, 3)], [], [])]
RICH = [WireSeries(LABELS, [], [WireHistogram(5, 1, 1.0, 0)], [])]
BODIES = {
    "v1": (KIND_REMOTE_WRITE_1_SNAPPY, encode([(LABELS, [(5, 1.0), (6, float("nan"))])]), True),
    "v2": (KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2(SERIES)), True),
    "v2 histograms": (KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2(RICH)), False),
}


def same(one: Batch, other: Batch) -> None:
    for name in COLUMNS:
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs, name)
    assert (one.kind, one.payload) == (other.kind, other.payload)
    assert (one.symbols is None) == (other.symbols is None)
    if one.symbols is not None and other.symbols is not None:
        np.testing.assert_array_equal(one.symbols.starts, other.symbols.starts)
        np.testing.assert_array_equal(one.symbols.lengths, other.symbols.lengths)
    assert (one.natives is None) == (other.natives is None)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("points", [None, [0, 1]])
@pytest.mark.parametrize("is_shared", [True, False])
def test_a_batch_arrives_as_it_was(name: str, points: list[int] | None, is_shared: bool) -> None:
    kind, body, is_plain = BODIES[name]
    arenas = ArenaPool(BufferPool(1 << 20), 1 if is_shared else 0)
    batch = WriteDecoder(pool=arenas, secrets=Secrets(SEED)).decode(kind, body)
    batch.points = None if points is None else np.array(points, np.int64)
    message = handed(7, "t", batch, 12)
    assert (message.columns is not None) == (is_shared and is_plain)
    (content,) = Unframed().feed(framed(message))
    got = HANDED.decode(content)
    assert (got.number, got.tenant, got.arrival_ms) == (7, "t", 12)
    views = [mapped(arena.descriptor) for arena in arenas.arenas]
    # The owner has the same secret, so the hashes are the same if it decodes itself.
    same(batch_of(got, views, WriteDecoder(secrets=Secrets(SEED)).decode), batch)


def test_messages_are_found_however_they_come() -> None:
    messages = [framed(Answered(n, Outcome(n))) for n in range(3)]
    unframed, found = Unframed(), list[int]()
    for byte in b"".join(messages):
        found += [ANSWERED.decode(each).number for each in unframed.feed(bytes([byte]))]
    assert found == [0, 1, 2]
    assert len(list(Unframed().feed(b"".join(messages)))) == 3
    with pytest.raises(ValueError, match="allowed are"):
        list(Unframed().feed(b"\xff\xff\xff\xff"))


def test_outcomes_arrive_as_they_were() -> None:
    example = Example({"a": "b"}, 5, float("inf"))
    outcome = Outcome(3, (Reject("too_old", 2, "text", (example,)),), exemplars=1, copies=2)
    (content,) = Unframed().feed(framed(Answered(1, outcome)))
    assert ANSWERED.decode(content).outcome == outcome


@pytest.mark.parametrize(
    "error",
    [
        RateLimited("slow down", status=429, retry_after_s=2.5), Busy("b"), TooLarge("t"),
        NotReady("n"), LogFailed("l"), TenantError("e"),
    ],
)  # fmt: skip
def test_errors_arrive_as_they_were(error: Any) -> None:
    (content,) = Unframed().feed(framed(Answered(1, None, failed(error))))
    message = ANSWERED.decode(content).failed
    assert message is not None
    found = error_of(message)
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
