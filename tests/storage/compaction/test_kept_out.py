"""A late sample that contradicts what is sealed is in metric and ledger once, when it is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.batch import Reject
from storage.compaction.kept_out import KeptOut
from storage.compaction.merging import MergeLimits
from storage.compaction.pace import Stopped
from storage.database import Database
from storage.labels.matchers import Matcher
from storage.options import DAY_MS
from storage.policy import Policy
from storage.refusals.ledger import RejectLedger, Sender, Wanted
from storage.samples.samples import Samples
from storage.segments.merging import Runs, join_runs, merge, runs_of
from tests.makers.compaction import compact, worker_of
from tests.makers.databases import Points, key, opened, read, seal, series, write, write_mixed
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import labels_of, series_columns, tenant_of
from tests.twins.storage.kernels import MixedPoint

NEW = (100, 1.0)


class Seen:
    """A ledger that is fed as the program feeds it."""

    def __init__(self) -> None:
        self.ledger = RejectLedger(entries_max=1000)
        self.policy = Policy(refused=self.note)

    def note(self, tenant: str, rejects: Sequence[Reject]) -> None:
        self.ledger.note(tenant, rejects, Sender(), 5)

    def counts(self, *tenants: str) -> dict[str, int]:
        tallies = self.ledger.extract(tenants, Wanted()).tallies
        assert {tally.reason for tally in tallies} <= {"kept_out"}
        return {tally.tenant: tally.count for tally in tallies}


def metric(database: Database, tenant: str = "t") -> int:
    return int(database._metrics.rejected.labels(tenant, "kept_out")._value.get())


def sealed(database: Database, *written: Points, name: str = "up") -> None:
    """Each of them in a segment of its own."""
    for points in written:
        write(database, [series(name, points, x="1")])
        seal(database)


@pytest.mark.parametrize("limits", [MergeLimits(1, 1), MergeLimits(3, 7), MergeLimits()])
def test_a_contradiction_is_counted_once(tmp_path: Path, limits: MergeLimits) -> None:
    seen = Seen()
    with opened(tmp_path, policy=seen.policy) as database:
        sealed(database, [(50, 2.0), (60, 2.5), NEW], [(50, 3.0), (55, 4.0), (60, 2.5)])
        assert read(database)[key("up", x="1")] == [(50, 2.0), (55, 4.0), (60, 2.5), NEW]
        assert (metric(database), seen.counts("t")) == (0, {}), "reading counts nothing"
        assert compact(database, limits=limits) == 1
        assert (metric(database), seen.counts("t")) == (1, {"t": 1})
        (entry,) = seen.ledger.extract(["t"], Wanted()).entries
        assert entry.sample is not None
        assert entry.sample.labels == {"__name__": "up", "x": "1"}
        assert (entry.sample.timestamp_ms, entry.sample.value) == (50, 3.0)
        assert entry.sender == Sender()
        assert 'one: {__name__="up", x="1"} at 50 ms, value 3.0' in entry.message
        # A later job meets the winner only, and what has come since.
        sealed(database, [(7, 1.0)])
        assert compact(database, limits=limits) == 1
        assert metric(database) == 1
        sealed(database, [(50, 3.0), (55, 4.0)])
        assert compact(database, limits=limits) == 1
        assert (metric(database), seen.counts("t")) == (2, {"t": 2})
        assert read(database)[key("up", x="1")] == [(7, 1.0), (50, 2.0), (55, 4.0), (60, 2.5), NEW]


def test_through_all_levels(tmp_path: Path) -> None:
    """What is closed first is merged first, and what is counted there is not there any more."""
    hour_ms = DAY_MS // 24
    seen = Seen()
    with opened(tmp_path, policy=seen.policy) as database:
        sealed(
            database, [(hour_ms, 1.0), (5 * hour_ms, 2.0), (DAY_MS, 3.0)],
            [(hour_ms, 1.0), (5 * hour_ms, 2.0)], [(hour_ms, 9.0)], [(5 * hour_ms, 9.0)],
        )  # fmt: skip
        for at_ms in (12 * hour_ms, DAY_MS * 2, DAY_MS * 30):
            compact(database, at_ms=at_ms)
        assert len(database._shards[0].view().segments) == 1
        assert (metric(database), seen.counts("t")) == (2, {"t": 2})


def test_what_is_late_for_the_active_head_is_not_counted_again(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for value in (2.0, 3.0, 2.0):
            write(database, [series("up", [(50, value)]), series("up", [NEW])])
        write(database, [series("up", [(50, 4.0)])])
        before = metric(database)
        seal(database)
        sealed(database, [(200, 1.0)])
        compact(database)
        assert metric(database) == before == 2


@pytest.mark.parametrize(
    ("first", "late", "lost"),
    [
        ([(5, EXAMPLES[0], 0), (9, EXAMPLES[0], 0)], [(5, EXAMPLES[0], 0)], 0),
        ([(5, EXAMPLES[0], 0), (9, EXAMPLES[0], 0)], [(5, EXAMPLES[0]._replace(hint=3), 0)], 0),
        ([(5, EXAMPLES[0], 0), (9, EXAMPLES[0], 0)], [(5, EXAMPLES[1], 0)], 1),
        ([(5, EXAMPLES[0], 0), (9, EXAMPLES[0], 0)], [(5, 0, 0)], 1),
        ([(5, 7, 1), (9, 8, 2)], [(5, EXAMPLES[1], 0)], 1),
        ([(5, 7, 1), (9, 8, 2)], [(5, 7, 3)], 0),
        ([(5, 7, 1), (9, 8, 2)], [(5, 8, 1)], 1),
    ],
)
def test_histograms_and_starts(
    tmp_path: Path, first: list[MixedPoint], late: list[MixedPoint], lost: int
) -> None:
    with opened(tmp_path) as database:
        for points in (first, late):
            write_mixed(database, [({"__name__": "h"}, points)])
            seal(database)
        assert compact(database) == 1
        assert compact(database) == 0
        assert metric(database) == lost


def test_what_is_deleted_is_no_contradiction(tmp_path: Path) -> None:
    """Neither if the first value is deleted nor if the later one is; others still are."""
    up = (Matcher("__name__", "=", "up"),)
    with opened(tmp_path) as database:
        sealed(database, [(1, 1.0), (2, 1.0), (50, 2.0), NEW])
        database.deletions.delete_series("t", (up,), 1, 1)
        sealed(database, [(1, 9.0), (2, 9.0), (50, 9.0)])
        database.deletions.delete_series("t", (up,), 2, 2)
        assert compact(database) == 1
        assert read(database)[key("up", x="1")] == [(1, 9.0), (50, 2.0), NEW]
        assert metric(database) == 1


def test_a_job_that_comes_to_nothing_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        sealed(database, [(50, 2.0), NEW], [(50, 3.0)])
        shard = database._shards[0]
        worker = worker_of(database)
        (job,) = worker.plan(shard, 1 << 60)
        with monkeypatch.context() as patched:
            patched.setattr(worker.compactor, "_swap", lambda *_: False)
            assert worker.compactor.run(shard, job) == []
        with monkeypatch.context() as patched:
            patched.setattr(worker.compactor, "_swap", stop)
            with pytest.raises(Stopped):
                worker.compactor.run(shard, job)
        assert metric(database) == 0


def stop(*_: object) -> bool:
    raise Stopped


def test_tenants_are_counted_apart(tmp_path: Path) -> None:
    seen = Seen()
    with opened(tmp_path, policy=seen.policy) as database:
        for value in (1.0, 2.0):
            points = [(5, value), (6, value), NEW]
            write(database, [series("a", points), series("b", [NEW])], tenant="x")
            write(database, [series("a", points[1:]), series("b", [NEW])], tenant="y")
            write(database, [series("a", [(5, 1.0), NEW])], tenant="z")
            seal(database)
        assert compact(database) == 1
        assert {tenant: metric(database, tenant) for tenant in "xyz"} == {"x": 2, "y": 1, "z": 0}
        assert seen.counts("x", "y", "z") == {"x": 2, "y": 1}


def contradicting(ids: Sequence[int], times: Sequence[int]) -> tuple[Runs, Samples]:
    """Runs of two parts with other values at all times."""
    offsets = np.arange(len(ids) + 1) * len(times)
    parts = [
        Samples(offsets, np.tile(np.array(times, np.int64), len(ids)), np.full(offsets[-1], value))
        for value in (1.0, 2.0)
    ]
    runs = join_runs([runs_of(part) for part in parts])
    return runs, merge(runs, len(ids))


def test_examples_are_bounded_and_of_a_series_each() -> None:
    ids = list(range(1, 41))
    kept_out = KeptOut(series_columns(ids), series_max=5)
    for block in (ids[:10], ids[10:], ids[:10]):
        for times in ([1, 2], [3]):
            kept_out.note(np.array(block), *contradicting(block, times))
    rejects = kept_out.rejects()
    assert sorted(rejects) == sorted({tenant_of(i) for i in ids})
    for tenant, reject in rejects.items():
        assert (reject.reason, reject.count) == ("kept_out", 75)
        assert len(reject.examples) == 5
        labels = [dict(example.labels) for example in reject.examples]
        of_tenant = [labels_of(i) for i in ids if tenant_of(i) == tenant]
        assert all(each in of_tenant for each in labels)
        assert len({each["id"] for each in labels}) == 5


def test_an_example_of_each_series_where_there_are_few() -> None:
    ids = [3, 4, 9]
    kept_out = KeptOut(series_columns(ids))
    assert kept_out.rejects() == {}
    kept_out.note(np.array(ids), *contradicting(ids, []))
    assert kept_out.rejects() == {}
    kept_out.note(np.array([3, 9]), *contradicting([3, 9], [7, 8]))
    ((_, reject),) = kept_out.rejects().items()
    found = sorted((e.labels["id"], e.timestamp_ms, e.value) for e in reject.examples)
    assert found == [("3", 7, 2.0), ("9", 7, 2.0)]
    assert replace(reject, message="", examples=()) == Reject("kept_out", 4, "")
