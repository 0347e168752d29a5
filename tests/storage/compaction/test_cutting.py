"""Each input is cut by its own deletions, and what they took out is counted for each of them."""

from __future__ import annotations

from storage.catalog.deletions import Applied, Deletion
from storage.compaction.cutting import JobCuts
from storage.labels.matchers import Matcher
from storage.segments.segment import SegmentMeta
from tests.makers.histograms import contents, mixed_samples
from tests.makers.segments import series_columns
from tests.storage.compaction.test_planner import segment

NAMES = {1: "team-a", 2: "team-b"}  # of even and odd ids


def deletion(number: int, series_id: int, span: tuple[int, int], *of: SegmentMeta) -> Deletion:
    matchers = ((Matcher("id", "=", str(series_id)),),)
    pending = frozenset(each.ulid for each in of)
    return Deletion(1 + series_id % 2, matchers, *span, 0, number=number, pending=pending)


def test_inputs_are_cut_by_their_own_deletions() -> None:
    first, second, third = (segment(0) for _ in range(3))
    series = series_columns([1, 2, 4])
    deletions = [
        deletion(5, 2, (1, 2), first, third),
        deletion(6, 2, (2, 9), first),
        deletion(7, 1, (0, 9), first, second),
        deletion(8, 99, (0, 9), second),
    ]
    cuts = JobCuts(series, [first, second], deletions, NAMES)
    keep = cuts.keep
    assert keep is not None
    samples = mixed_samples([[(t, t, 0) for t in range(4)], [(1, 7, 0)]])
    ids = series.ids[1:]
    assert contents(keep(first, ids, samples)) == [[(0, 0, 0)], [(1, 7, 0)]]
    assert contents(keep(second, ids, samples)) == contents(samples)
    assert cuts.applied() == {
        5: Applied(2, True),
        6: Applied(1, True),
        7: Applied(0, True),
        8: Applied(0, False),
    }


def test_without_deletions_everything_is_kept() -> None:
    first = segment(0)
    series = series_columns([1, 2])
    assert JobCuts(series, [first], [], NAMES).keep is None
    nothing = JobCuts(series, [first], [deletion(1, 99, (0, 9), first)], NAMES)
    assert nothing.keep is None
    assert nothing.applied() == {1: Applied(0, False)}
