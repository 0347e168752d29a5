"""Deletions as tenants ask for them: receipts, whole tenants, and what happens by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.catalog.metadata import Description
from storage.dedup.algorithm import Algorithm, PairRule
from storage.deletion.requests import REWRITE_AFTER_MS
from storage.errors import FormatError, QueryStopped
from storage.files import SERIES_FILE, segments_directory
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.shard.shard import now_ms
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import WHOLE, append, key, opened, read, seal, series, write
from tests.makers.downsampling.databases import downsample

UP = Matcher("__name__", "=", "up")


def test_a_tenant_that_never_wrote_has_nothing_to_delete(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        requests = database.deletions
        assert requests.delete_series("nobody", ((UP,),), *WHOLE) is None
        requests.delete_tenant("nobody")
        assert requests.clean("nobody") == 0
        assert requests.receipts("nobody") == []
        assert requests.tenant_is_deleted("nobody")


def test_receipts_are_those_of_the_tenant_newest_first(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for tenant in ("a", "b"):
            write(database, [series("up", [(1, 1.0)])], tenant=tenant)
        database.deletions.delete_series("a", ((UP,),), 0, 5, author="x")
        database.deletions.delete_series("b", ((UP,),), *WHOLE)
        database.deletions.delete_series("a", ((Matcher("no", "=", "such"),),), *WHOLE)
        found = [
            (r.deletion.number, r.deletion.series, r.done_ms is None, r.segments_pending)
            for r in database.deletions.receipts("a")
        ]
        assert found == [(3, 0, False, 0), (1, 1, True, 1)]


def test_a_tenant_is_deleted_with_its_metadata(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for tenant in ("a", "b"):
            write(database, [series("up", [(1, 1.0)])], tenant=tenant)
            append(database, batch(metadata=[("up", 2, "help", "")]), tenant=tenant)
        assert not database.deletions.tenant_is_deleted("a")
        database.deletions.delete_tenant("a", author="root")
        assert not database.deletions.tenant_is_deleted("a")
    with opened(tmp_path) as database:
        assert read(database, tenant="a") == {key("up"): []}
        assert database.querier("a", replica_labels=(), dedup=True).metadata() == {}
        kept = database.querier("b", replica_labels=(), dedup=True).metadata()
        assert kept == {"up": (Description(2, "help", ""),)}
        database.deletions.clean("a")
        assert database.deletions.tenant_is_deleted("a")
        assert read(database, tenant="b") == {key("up"): [(1, 1.0)]}
        write(database, [series("up", [(2, 1.0)])], tenant="a")
        assert read(database, tenant="a") == {key("up"): [(2, 1.0)]}


def test_segments_are_rewritten_by_themselves_after_a_while(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for start in (0, 10):
            write(database, [series("up", [(start, 1.0), (start + 1, 1.0)])])
            seal(database)
        database.deletions.delete_series("t", ((UP,),), 0, 10)
        assert database.deletions.rewrite_due(now_ms() + REWRITE_AFTER_MS - 5_000) == 0
        assert database.deletions.rewrite_due(now_ms() + REWRITE_AFTER_MS + 5_000) == 2
        assert read(database) == {key("up"): [(11, 1.0)]}
        (receipt,) = database.deletions.receipts("t")
        assert (receipt.samples, receipt.segments, receipt.segments_pending) == (3, 2, 0)


def test_cleaning_stops_between_two_segments(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for start in (0, 10):
            write(database, [series("up", [(start, 1.0)]), series("down", [(start, 1.0)])])
            seal(database)
        database.deletions.delete_series("t", ((UP,),), *WHOLE)
        answers = iter([False, True])
        with pytest.raises(QueryStopped, match="stopped after 1 segments"):
            database.deletions.clean("t", stopped=lambda: next(answers))
        (receipt,) = database.deletions.receipts("t")
        assert (receipt.segments, receipt.segments_pending) == (1, 1)
        assert database.deletions.clean("t") == 1


def test_cleaning_goes_on_behind_a_segment_that_cannot_be_rewritten(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for start in (0, 10, 20):
            write(database, [series("up", [(start, 1.0)]), series("down", [(start, 1.0)])])
            seal(database)
        first, *_ = sorted(s.ulid for s in database._shards[0].view().segments)
        database.deletions.delete_series("t", ((UP,),), *WHOLE)
        (segments_directory(tmp_path, 0) / first / SERIES_FILE).write_bytes(b"noise")
        with pytest.raises(FormatError, match=first):
            database.deletions.clean("t")
        (receipt,) = database.deletions.receipts("t")
        assert (receipt.segments, receipt.segments_pending) == (2, 1)


@pytest.mark.parametrize(("name", "warned"), [("replica", True), ("job", False)])
def test_windows_of_a_pair_outlive_one_of_it(
    name: str, warned: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = Policy(pairs=lambda tenant: PairRule(("replica",), Algorithm.AUTO))
    points = [(60_000 * k, float(k)) for k in range(1, 600)]
    with opened(tmp_path, policy=policy) as database:
        write(database, [series("up", points, replica=r, job="a") for r in "ab"])
        seal(database)
        downsample(database)
        matchers = ((Matcher(name, "=", "a"),),)
        assert database.deletions.delete_series("t", matchers, *WHOLE) is not None
    said = [record.message for record in caplog.records if "what was downsampled" in record.message]
    assert bool(said) == warned
