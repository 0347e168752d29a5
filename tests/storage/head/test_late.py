"""Late samples: found again, whatever lies in between, and kept out if they contradict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.head.late import FIRST_SLOTS, LateIndex, OutOfOrder, find_slot
from tests.makers.databases import Points, key, opened, read, series, write
from tests.storage.head.test_head import batch, empty_head
from tests.storage.head.test_head import read as read_head


def test_late_samples_are_found_in_old_chunks_and_out_of_order() -> None:
    head = empty_head()
    head.append(*batch([(0, 2 * t, 1) for t in range(70)]), -100, 1000)  # three chunks
    head.append(*batch([(0, 2 * t + 1, 2) for t in range(-5, 20)]), -100, 1000)
    again = [(0, t, 1 + t % 2) for t in range(-9, 40) if t % 2 or t >= 0]
    before = head.sample_count
    assert not len(head.append(*batch(again), -100, 1000).kept_out)
    other = [(0, t, 7) for _, t, _ in again]
    assert head.append(*batch(other), -100, 1000).kept_out.tolist() == list(range(len(other)))
    assert head.sample_count == before
    assert {bits for _, bits in read_head(head, -100, 1000)[0]} == {1, 2}


def test_contradictions_within_a_request() -> None:
    head = empty_head()
    head.append(*batch([(0, 100, 1)]), -100, 1000)
    found = head.append(*batch([(0, 5, 1), (0, 5, 2), (0, 101, 3), (0, 5, 1), (0, 101, 3)]), 0, 200)
    assert found.kept_out.tolist() == [1]
    assert read_head(head, 0, 200)[0] == [(5, 1), (100, 1), (101, 3)]


def test_the_table_grows_with_the_out_of_order_samples() -> None:
    count = 3 * FIRST_SLOTS
    rng = np.random.default_rng(2)
    refs = rng.integers(0, 5, count).astype(np.int32)
    times = rng.permutation(count).astype(np.int64) * 15_000
    index = LateIndex(OutOfOrder(refs, times, np.zeros(count, np.uint64)))
    for used in (FIRST_SLOTS, count):
        slots = index.with_room(used, 10)
        assert len(slots) >= 2 * (used + 10)
        places = [slots[find_slot(refs, times, slots, refs[k], times[k])] for k in range(used)]
        assert places == list(range(1, used + 1))
        assert slots[find_slot(refs, times, slots, 9, 15_000)] == 0


NEW, OLD = (100, 1.0), (50, 2.0)


@pytest.mark.parametrize(
    ("sent", "kept_out"),
    [
        ([[NEW], [OLD], [(50, 3.0)]], 1),
        ([[OLD, NEW], [(50, 3.0), (51, 3.0)]], 1),
        ([[OLD, NEW], [OLD], [(50, -2.0)], [(50, 3.0)]], 2),
        ([[OLD, NEW], [OLD, NEW]], 0),  # the same again
        ([[OLD, NEW], [(50, 2.0), (100, 7.0)]], 0),  # the newest is refused
    ],
)
def test_what_is_kept_out_is_a_success_that_is_counted(
    tmp_path: Path, sent: list[Points], kept_out: int
) -> None:
    with opened(tmp_path) as database:
        outcomes = [write(database, [series("up", points, a="b")]) for points in sent]
        found = [reject for outcome in outcomes for reject in outcome.kept_out]
        assert sum(reject.count for reject in found) == kept_out
        for reject in found:
            assert reject.reason == "kept_out"
            assert "another value was written first at the same timestamp" in reject.message
            assert 'a="b"} at 50 ms' in reject.message
            assert reject.examples[0].timestamp_ms == 50
        refused = sum(reject.count for outcome in outcomes for reject in outcome.rejects)
        assert sum(outcome.accepted for outcome in outcomes) + refused == sum(map(len, sent))
        metrics = database._metrics
        assert metrics.rejected.labels("t", "kept_out")._value.get() == kept_out
        stored = sum(map(len, sent)) - refused - kept_out
        assert metrics.samples.labels("t")._value.get() == stored
        wanted = read(database)
        assert wanted[key("up", a="b")][0] == OLD
    with opened(tmp_path) as database:
        assert read(database) == wanted
