"""The database from outside: what is acknowledged is there, also after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.errors import FormatError, LimitExceeded
from storage.head.head import GroupLimits
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.shard.writer import WriterLimits
from tests.makers.batches import batch_of, label, raw_batch, series_of
from tests.makers.databases import WHOLE, append, key, opened, read, series, write, write_mixed
from tests.makers.histograms import EXAMPLES
from tests.twins.storage import kernels as naive

DAY = 86_400_000
UP = Matcher("__name__", "=", "up")


def test_a_write_is_visible_and_survives_a_restart(tmp_path: Path) -> None:
    expected = {key("up", i="1"): [(-5, 1.0), (10, 2.0)], key("up", i="2"): [(10, 3.0)]}
    with opened(tmp_path) as database:
        outcome = write(
            database,
            [series("up", [(-5, 1.0), (10, 2.0)], i="1"), series("up", [(10, 3.0)], i="2")],
        )
        assert (outcome.accepted, outcome.rejects) == (3, ())
        assert read(database, UP) == expected
    for _ in range(2):
        with opened(tmp_path) as database:
            assert read(database, UP) == expected


def test_tenants_see_their_own(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as database:
        for i in range(10):
            write(database, [series("up", [(1, float(i))])], tenant=f"tenant-{i}")
        for i in range(10):
            assert read(database, tenant=f"tenant-{i}") == {key("up"): [(1, float(i))]}
        assert read(database, tenant="nobody") == {}
        nobody = database.querier("nobody", replica_labels=(), dedup=True)
        assert list(nobody.series([], *WHOLE).names) == []
        assert nobody.series([], *WHOLE).values_of("a") == []
        assert nobody.series([], *WHOLE).rows == 0


def test_the_number_of_shards_is_that_of_the_directory(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as database:
        write(database, [series("up", [(1, 1.0)])], tenant="a")
    with opened(tmp_path, shards=7) as database:
        assert read(database, tenant="a") == {key("up"): [(1, 1.0)]}
        assert len(database._shards) == 3


writes = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 3)), min_size=1),
    max_size=6,
)


@settings(max_examples=25)
@given(writes, st.integers(4, 40), st.data())
def test_any_history_of_writes_seals_and_restarts(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[list[tuple[int, int, int]]],
    head_samples: int,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("data")
    twin = naive.NaiveHead()
    written = 0
    while written < len(history) or not written:
        with opened(path, head_samples_max=head_samples) as database:
            count = data.draw(st.integers(1, max(1, len(history) - written)))
            for points in history[written : written + count]:
                write(database, [series("m", [(t, float(v))], i=str(i)) for i, t, v in points])
                for ref, timestamp, value in points:
                    twin.append(ref, timestamp, value, -100, 100)
            written += count
            found = {
                labels: [(t, int(v)) for t, v in points]
                for labels, points in read(database).items()
            }
            expected = {
                key("m", i=str(ref)): twin.samples(ref, -100, 100) for ref in sorted(twin.points)
            }
            assert found == expected


def test_refused_samples_are_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    now = 100 * DAY
    with opened(tmp_path, policy=Policy(clock=lambda: now), retention_ms=10 * DAY) as database:
        points = [(now - 11 * DAY, 1.0), (now - 9 * DAY, 2.0), (now, 3.0), (now + DAY, 4.0)]
        outcome = write(database, [series("up", points)], arrival_ms=now)
        assert outcome.accepted == 2
        reasons = {reject.reason: reject for reject in outcome.rejects}
        assert set(reasons) == {"too_old", "too_far_in_future"}
        assert "storage.retention" in reasons["too_old"].message
        assert '{__name__="up"}' in reasons["too_old"].message
        assert "storage.creation-grace-period" in reasons["too_far_in_future"].message
        assert read(database) == {key("up"): points[1:3]}

        again = write(database, [series("up", [(now, 3.0)])], arrival_ms=now)
        assert (again.accepted, again.rejects) == (1, ())
        conflict = write(database, [series("up", [(now, 9.0)])], arrival_ms=now)
        assert [(r.reason, r.count) for r in conflict.rejects] == [("duplicate", 1)]

        body = series_of(label(b"a", b"1")) + series_of(label(b"__name__", b"down"))
        mixed = append(database, raw_batch(body), arrival_ms=1)
        assert mixed.accepted == 1
        assert [(r.reason, r.count) for r in mixed.rejects] == [("label_invalid", 1)]
        assert '{a="1"}' in mixed.rejects[0].message


def test_a_directory_has_one_process(tmp_path: Path) -> None:
    refused = pytest.raises(FormatError, match="in use by another process")
    with opened(tmp_path), refused, opened(tmp_path):
        pass


def test_limits_are_named(tmp_path: Path) -> None:
    limits = WriterLimits(GroupLimits(samples=1, buckets=1))
    with opened(tmp_path, limits=limits, tenants_max=1) as database:
        write(database, [series("up", [(1, 1.0)])], tenant="a")
        with pytest.raises(LimitExceeded, match=r"storage\.max-tenants"):
            write(database, [series("up", [(1, 1.0)])], tenant="b")
        with pytest.raises(LimitExceeded, match="2 samples in one request"):
            write(database, [series("up", [(1, 1.0), (2, 1.0)])], tenant="a")
        with pytest.raises(LimitExceeded, match="2 histogram buckets in one request"):
            write_mixed(database, [({"__name__": "up"}, [(1, EXAMPLES[0], 0)])], tenant="a")


@pytest.mark.parametrize("allowed", [100, 5])
def test_new_tenants_that_wait_share_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    with opened(tmp_path, tenants_max=allowed) as database, ThreadPoolExecutor(8) as threads:
        calls: list[Mapping[str, int]] = []
        add_tenants = database._catalog.add_tenants

        def note(shards: Mapping[str, int]) -> dict[str, int]:
            calls.append(shards)
            return add_tenants(shards)

        monkeypatch.setattr(database._catalog, "add_tenants", note)
        names = [f"tenant-{i}" for i in range(8)]
        with database._known._lock:
            added = [threads.submit(database._known.add, name) for name in names]
            while len(database._known._new) < len(names):
                time.sleep(0.001)
        refused = [future.exception(30) for future in added if future.exception(30)]
        assert len(refused) == max(0, len(names) - allowed)
        assert all(isinstance(error, LimitExceeded) for error in refused)
        assert len(calls) == 1
        known = {future.result() for future in added if not future.exception()}
        assert {tenant.number for tenant in known} == set(range(1, len(known) + 1))


def test_waiting_writes_share_the_log(tmp_path: Path) -> None:
    async def many() -> int:
        batches = [batch_of([series("up", [(t, 1.0)])]) for t in range(100)]
        outcomes = await asyncio.gather(*(database.append("t", b, 0) for b in batches))
        return sum(outcome.accepted for outcome in outcomes)

    with opened(tmp_path) as database:
        assert asyncio.run(many()) == 100
        assert read(database) == {key("up"): [(t, 1.0) for t in range(100)]}
    with opened(tmp_path) as database:
        assert read(database) == {key("up"): [(t, 1.0) for t in range(100)]}
