"""Masks: which series and segments a deletion hides something of."""

from __future__ import annotations

import pytest

from storage.catalog.deletions import Deletion, MatcherSets
from storage.deletion.masks import deleted_rows, mask_of
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.segments.segment import SegmentMeta

LABELS = [{"__name__": "up", "i": "0"}, {"__name__": "up", "i": "1"}, {"__name__": "down"}]
WHOLE = -(2**63), 2**63 - 1


def frame() -> LabelFrame:
    return LabelFrame.from_dicts(Symbols(), LABELS)


def deletion(
    number: int, *ulids: str, sets: MatcherSets = ((),), start: int = 0, end: int = 9
) -> Deletion:
    return Deletion(1, sets, start, end, 0, number=number, pending=frozenset(ulids))


def segment(ulid: str, low: int = 0, high: int = 9, exemplars: int = 0) -> SegmentMeta:
    return SegmentMeta(
        ulid=ulid, shard=0, min_ms=low, max_ms=high, samples=1, series=1, bytes=1, created_ms=0,
        exemplars=exemplars,
    )  # fmt: skip


UP, ZERO, NOT_ONE = Matcher("__name__", "=", "up"), Matcher("i", "=", "0"), Matcher("i", "!=", "1")
REGEX, NONE = Matcher("i", "=~", "0|1"), Matcher("i", "=", "")
SELECTIONS: list[tuple[MatcherSets, list[bool]]] = [
    (((UP,),), [True, True, False]),
    (((UP, ZERO),), [True, False, False]),
    (((UP, ZERO), (NONE,)), [True, False, True]),
    (((NOT_ONE,),), [True, False, True]),
    (((REGEX,),), [True, True, False]),
    (((Matcher("missing", "=", ""),),), [True, True, True]),
    (((Matcher("missing", "!=", ""),),), [False, False, False]),
    (((),), [True, True, True]),
]


@pytest.mark.parametrize(("sets", "expected"), SELECTIONS)
def test_rows_are_selected_as_by_a_query(sets: MatcherSets, expected: list[bool]) -> None:
    assert deleted_rows(deletion(1, sets=sets), frame()).tolist() == expected


def test_segments_are_read_in_runs_with_equal_cuts() -> None:
    segments = [segment(ulid) for ulid in "abcde"]
    given = [deletion(1, "a", "b", "d"), deletion(2, "d", sets=((ZERO,),)), deletion(3, "x")]
    mask = mask_of(given, 1, frame(), segments, WHOLE)
    runs = [("".join(s.ulid for s in run), cuts) for run, cuts in mask.runs(segments)]
    assert [names for names, _ in runs] == ["ab", "c", "d", "e"]
    assert [cuts is not None for _, cuts in runs] == [True, False, True, False]
    assert runs[2][1] is not None
    assert runs[2][1].offsets.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize(
    ("given", "low", "high", "exemplars", "span", "hides"),
    [
        (deletion(1, "a"), 0, 9, 0, WHOLE, True),
        (deletion(1, "b"), 0, 9, 0, WHOLE, False),
        (deletion(1, "a", start=10), 0, 9, 0, WHOLE, False),
        (deletion(1, "a", start=9), 0, 9, 0, WHOLE, True),
        (deletion(1, "a", start=10), 0, 9, 3, WHOLE, True),  # exemplars may be of any time
        (deletion(1, "a", start=4, end=5), 0, 9, 0, (6, 9), False),
        (deletion(1, "a", start=4, end=6), 0, 9, 0, (6, 9), True),
        (deletion(1, "a", sets=((Matcher("i", "=", "7"),),)), 0, 9, 0, WHOLE, False),
    ],
)
def test_what_a_deletion_is_looked_at_for(
    given: Deletion, low: int, high: int, exemplars: int, span: tuple[int, int], hides: bool
) -> None:
    segments = [segment("a", low, high, exemplars)]
    assert bool(mask_of([given], 1, frame(), segments, span).deletions) is hides
    assert not mask_of([given], 2, frame(), segments, span).deletions, "another tenant"
