"""Which series the rows of a select are aggregated as, and what heads have of their time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from storage.options import StorageOptions
from storage.read.kept import ALL_KEPT, Kept
from storage.read.querier import StorageQuerier
from storage.read.resolutions.found import Found, aggregated_ids, is_newer, touching
from storage.segments.segment import SegmentMeta
from storage.shard.periods import NO_PERIODS
from tests.makers.databases import opened, series, write

HOUR = 3_600_000


def found_by(querier: StorageQuerier) -> Found:
    match = querier._match([])
    return querier._found(querier._shard.view(), match.refs, match.labels.in_query(querier.symbols))


def test_of_a_pair_the_series_without_replica_labels_is_the_aggregated_one(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as database:
        write(database, [
            series("a", [(1, 1.0)], replica="0"),
            series("b", [(1, 1.0)]),
            series("a", [(2, 1.0)]),
            series("c", [(1, 1.0)], replica="0"),
            series("a", [(3, 1.0)], replica="1"),
        ])  # fmt: skip
        paired = database.querier("t", replica_labels=("replica",), dedup=True)
        found, ids = found_by(paired), paired._table.ids
        labels = found.replicas.joined.in_query(paired.symbols) if found.replicas else found.labels
        names = [labels.labelset(row)["__name__"] for row in range(labels.rows)]
        rows = dict(zip(names, aggregated_ids(found, paired.symbols, ids).tolist(), strict=True))
        alone = database.querier("t", replica_labels=(), dedup=False)
        match = alone._match([])
        stored = match.labels.in_query(alone.symbols)
        of = {
            tuple(stored.labelset(i).items()): int(ids[match.refs[i]]) for i in range(stored.rows)
        }
        plain = {key[0][1]: value for key, value in of.items() if len(key) == 1}
        assert rows == {"a": plain["a"], "b": plain["b"], "c": -1}
        assert aggregated_ids(found_by(alone), alone.symbols, ids).tolist() == list(of.values())


def test_heads_are_newer_if_they_have_something_of_the_time(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", [(HOUR, 1.0), (3 * HOUR + 1, 1.0)])])
        snapshots = found_by(database.querier("t", replica_labels=(), dedup=True)).snapshots
        assert is_newer(snapshots, segment(0, HOUR))
        assert not is_newer(snapshots, segment(HOUR, 3 * HOUR))
        assert is_newer(snapshots, segment(3 * HOUR, 4 * HOUR))


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, HOUR), False),
        ((0, HOUR + 1), True),
        ((2 * HOUR, 9 * HOUR), True),
        ((2 * HOUR + 1, 9 * HOUR), False),
    ],
)
def test_a_segment_is_touched_if_a_window_has_a_moment_of_the_span(
    span: tuple[int, int], expected: bool
) -> None:
    own = segment(HOUR, 2 * HOUR)
    assert touching([own], span, ALL_KEPT) == [own] * expected
    for period_ms, is_kept in ((HOUR, False), (2 * HOUR, expected), (0, expected)):
        settings = replace(StorageOptions(), retention_1h_ms=period_ms)
        kept = Kept.of(settings, NO_PERIODS, 3 * HOUR + 1)
        assert touching([own], span, kept) == [own] * is_kept


def segment(from_ms: int, to_ms: int) -> SegmentMeta:
    return SegmentMeta(
        ulid="x", shard=0, min_ms=from_ms + 1, max_ms=to_ms, samples=1, series=1, bytes=1,
        created_ms=1, resolution_ms=HOUR, from_ms=from_ms, to_ms=to_ms,
    )  # fmt: skip
