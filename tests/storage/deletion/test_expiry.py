"""What is past for some series of a segment leaves the files, once, and if it is worth it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storage.deletion.expiry import AUTHOR, expired_cuts
from storage.deletion.requests import REWRITE_AFTER_MS
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.shard.periods import NEVER_MS, PeriodRule, TenantPeriods
from tests.makers.databases import opened, read, seal, series, write

HOUR = 3_600_000
RULE = PeriodRule((Matcher("i", "=", "1"),), 5 * HOUR)


def test_files_follow_tenants_and_rules(tmp_path: Path) -> None:
    periods = {"short": TenantPeriods(3 * HOUR), "ruled": TenantPeriods(rules=(RULE,))}
    policy = Policy(periods=lambda name: periods.get(name, TenantPeriods()), clock=lambda: 0)
    with opened(tmp_path, policy=policy, retention_ms=100 * HOUR) as database:
        for tenant in ("short", "ruled", "plain"):
            for i in "12":
                write(database, [series("up", [(t, 1.0) for t in range(9)], i=i)], tenant=tenant)
        seal(database)
        shard, deletions = database._shards[0], database.deletions
        assert deletions.expire(shard, 3 * HOUR + 8) == 0
        assert deletions.expire(shard, 3 * HOUR + 9) == 1
        assert deletions.expire(shard, 3 * HOUR + 9) == 0, "once"
        assert deletions.expire(shard, 6 * HOUR) == 1
        (receipt,) = deletions.receipts("ruled")
        assert receipt.deletion.author == AUTHOR
        assert receipt.deletion.matcher_sets == (RULE.matchers,)
        assert deletions.rewrite_due(6 * HOUR + REWRITE_AFTER_MS + 1) == 1
        (segment,) = shard.view().segments
        assert (segment.samples, segment.series) == (3 * 9, 3)
        assert [len(read(database, tenant=name)) for name in ("plain", "ruled")] == [2, 2]
        assert deletions.expire(shard, 50 * HOUR) == 0, "nothing of it is left"
        done = [r.samples for name in ("short", "ruled") for r in deletions.receipts(name)]
        assert done == [18, 9]


def test_a_small_share_is_left_alone(tmp_path: Path) -> None:
    policy = Policy(periods=lambda name: TenantPeriods(rules=(RULE,)), clock=lambda: 0)
    with opened(tmp_path, policy=policy) as database:
        write(database, [series("up", [(1, 1.0)], i=str(i)) for i in range(11)])
        seal(database)
        shard = database._shards[0]
        assert database.deletions.expire(shard, 50 * HOUR) == 0
        write(database, [series("up", [(2, 1.0)], i=str(i)) for i in range(10)])
        seal(database)
        assert database.deletions.expire(shard, 50 * HOUR) == 1


def test_cuts_of_what_is_past() -> None:
    cuts = expired_cuts(np.array([NEVER_MS, 10, NEVER_MS, 20]))
    assert cuts.offsets.tolist() == [0, 0, 1, 1, 2]
    assert cuts.ends.tolist() == [9, 19]
    assert set(cuts.starts.tolist()) == {NEVER_MS}
