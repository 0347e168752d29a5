"""What a write does to a shard: which times are accepted, what of it is fresh, and replay."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np

from storage.batch import KIND_ELECTIONS, KIND_TENANT_RULES, Outcome
from storage.catalog.metadata import GAUGE
from storage.shard import ingest
from storage.shard.elections import NO_COPIES
from storage.shard.ingest import (
    Logged,
    PendingWrite,
    accepted_times,
    append,
    begin_log_file,
    fresh_metadata,
    judge,
    log_rules,
    replay,
    resolve,
    take_elections,
    take_rules,
)
from storage.tenants.rules import HaRules, TenantRules
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


def test_a_log_file_begins_with_the_rules_and_elections_there_are(tmp_path: Path) -> None:
    rules = TenantRules(ha=HaRules("cluster", "r", 30, 2))

    def copies(replica: str, t: int) -> int:
        points = batch_of([series("up", [(t, 1.0)], cluster="c", r=replica)])
        write = PendingWrite(TENANT, points, 5, rules=rules)
        return judge(shard, write, *resolve(shard, write)).count

    with shard_at(tmp_path) as shard:
        log_rules(shard, TENANT, 5, rules)
        assert (copies("a", 1), copies("b", 2)) == (0, 1)
        with patch.object(ingest, "now_ms", lambda: 6):
            records = list(shard.wal.replay(begin_log_file(shard)))
        assert [record.kind for record in records] == [KIND_TENANT_RULES, KIND_ELECTIONS]
        take_rules(shard, TENANT, rules)
        take_elections(shard, TENANT, records[1].payload)
        assert (copies("b", 3), copies("a", 4)) == (1, 0)
        take_rules(shard, TENANT, rules)
        assert copies("b", 5) == 0
