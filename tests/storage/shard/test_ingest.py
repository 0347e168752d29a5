"""What a write does to a shard: which times are accepted, what of it is fresh, and replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storage.batch import Outcome
from storage.catalog.metadata import GAUGE
from storage.shard.elections import NO_COPIES
from storage.shard.ingest import (
    Logged,
    PendingWrite,
    accepted_times,
    append,
    fresh_metadata,
    replay,
    resolve,
    take_rules,
)
from storage.tenants.rules import TenantRules
from storage.tenants.tenant import Tenant
from tests.makers.batches import batch_of
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import options, series
from tests.makers.shards import shard_at

TENANT = Tenant("t", 1, 0)


def test_accepted_times(tmp_path: Path) -> None:
    kept = options(tmp_path, retention_ms=100, creation_grace_period_ms=10)
    assert accepted_times(kept, 1000) == (900, 1010)
    low, high = accepted_times(options(tmp_path), 1000)
    assert (low, high) == (-(1 << 63) + 1, (1 << 63) - 1)


def test_what_is_fresh_when_a_write_is_logged_may_be_known_when_it_lands(tmp_path: Path) -> None:
    """Two requests of a group describe the same two families; there is room for one."""
    written = batch(metadata=[("a", GAUGE, "", ""), ("b", GAUGE, "", "")])
    with shard_at(tmp_path, metadata_families_max=1) as shard:
        write = PendingWrite(TENANT, written, 0)
        refs, _ = resolve(shard, write)
        fresh = [fresh_metadata(shard, write) for _ in range(2)]
        assert [positions.tolist() for positions in fresh] == [[0, 1], [0, 1]]
        group = [Logged(write, refs, True, positions, NO_COPIES) for positions in fresh]
        assert [append(shard, logged).metadata_not_kept for logged in group] == [1, 0]
        assert len(fresh_metadata(shard, write)) == 0
        assert list(shard.metadata.describe(1)) == ["a"]


def test_a_write_is_answered_by_what_is_kept_of_it(tmp_path: Path) -> None:
    with shard_at(tmp_path) as shard:
        write = PendingWrite(TENANT, batch_of([series("up", [(1, 1.0), (2, 1.0)])]), 0)
        refs, _ = resolve(shard, write)
        taken = Logged(write, refs, True, fresh_metadata(shard, write), NO_COPIES)
        assert append(shard, taken) == Outcome(2)
        refused = Logged(write, np.array([-3], np.int32), False, taken.fresh, NO_COPIES)
        outcome = append(shard, refused)
        assert (outcome.accepted, [reject.count for reject in outcome.rejects]) == (0, [2])
        assert shard.head_samples == 2


def test_replay_goes_by_the_rules_before_it(tmp_path: Path) -> None:
    """Of 5 and 90, in a request of 100: the window of the rules is 50 ms."""
    points = batch_of([series("up", [(5, 1.0), (90, 1.0)])])
    with shard_at(tmp_path) as shard:
        replay(shard, TENANT, points, 100)
        assert shard.head_samples == 2
        take_rules(shard, TENANT, TenantRules(out_of_order_ms=50))
        replay(shard, TENANT, batch_of([series("down", [(5, 1.0), (90, 1.0)])]), 100)
        assert shard.head_samples == 3
        left_out = np.array([0])
        replay(shard, TENANT, batch_of([series("new", [(90, 1.0)])]), 100, left_out)
        assert shard.head_samples == 3
