"""Which resolution answers which stretch of time."""

from __future__ import annotations

import pytest

from storage.downsampling.aggregates import RESOLUTION_1H_MS as H1
from storage.downsampling.aggregates import RESOLUTION_5M_MS as M5
from storage.options import DAY_MS as DAY
from storage.read.resolutions.covering import EVER, Piece, Stock, first_of_windows
from storage.samples.hint import SelectHint
from storage.segments.segment import SegmentMeta


def segment(name: str, resolution_ms: int, first_day: int, end_day: int) -> SegmentMeta:
    return SegmentMeta(
        ulid=name, shard=0, samples=1, series=1, bytes=1, created_ms=1,
        resolution_ms=resolution_ms, from_ms=first_day * DAY, to_ms=end_day * DAY,
        min_ms=first_day * DAY + 7, max_ms=end_day * DAY - 7,
    )  # fmt: skip


# Ten days of five minutes, eight of hours, that are joined from day 4 on.
FINE = [segment(f"m{day}", M5, day, day + 1) for day in range(10)]
COARSE = [*(segment(f"h{day}", H1, day, day + 1) for day in range(4)), segment("h4-8", H1, 4, 8)]
SPAN = (0, 12 * DAY)


def pieces(
    hint: SelectHint,
    *,
    raw_first_ms: int = EVER[0],
    first_ms: dict[int, int] | None = None,
    doubtful: tuple[str, ...] = (),
    span: tuple[int, int] = SPAN,
) -> list[tuple[int, int, int]]:
    """(resolution, first, last) of each piece."""
    kept = first_ms or {}
    stock = Stock([*FINE, *COARSE], raw_first_ms, lambda each: kept.get(each, EVER[0]), doubtful)
    found = stock.pieces(hint, span)
    assert [piece.span[0] for piece in found] == [span[0], *(p.span[1] + 1 for p in found[:-1])]
    assert found[-1].span[1] == span[1]
    for piece in found:
        check_segments(piece)
    return [(piece.resolution_ms, *piece.span) for piece in found]


def check_segments(piece: Piece) -> None:
    """Those of its resolution that reach into it, each once."""
    known = {M5: FINE, H1: COARSE, 0: []}[piece.resolution_ms]
    reach = [s for s in known if s.from_ms < piece.span[1] and s.to_ms >= piece.span[0]]
    assert list(piece.segments) == reach


def hint(resolution_ms: int, *, coarser: bool = True) -> SelectHint:
    return SelectHint(resolution_ms=resolution_ms, coarser=coarser)


def test_the_coarsest_that_is_wanted_comes_first_and_raw_is_last() -> None:
    raw, end = 0, SPAN[1]
    assert pieces(hint(H1)) == [
        (raw, 0, 0),  # in the window before the first one
        (H1, 1, 8 * DAY),
        (M5, 8 * DAY + 1, 10 * DAY),
        (raw, 10 * DAY + 1, end),
    ]
    assert pieces(hint(M5)) == [(raw, 0, 0), (M5, 1, 10 * DAY), (raw, 10 * DAY + 1, end)]
    assert pieces(hint(0)) == [(raw, 0, end)]


def test_a_span_within_a_window_is_of_one_piece() -> None:
    assert pieces(hint(H1), span=(DAY + 5, DAY + 6)) == [(H1, DAY + 5, DAY + 6)]


def test_what_is_gone_is_answered_by_what_is_left() -> None:
    """Raw begins in the middle of an hour, whose window is whole; the oldest days of five minutes
    are gone, too."""
    raw_first = 6 * DAY + 100
    later = 6 * DAY + H1
    five = {M5: 2 * DAY + 1}
    expected = [
        (0, 0, 0),
        (H1, 1, 2 * DAY),
        (M5, 2 * DAY + 1, later),
        (0, later + 1, SPAN[1]),
    ]
    assert pieces(hint(0), raw_first_ms=raw_first, first_ms=five) == expected
    only_raw = [(0, 0, SPAN[1])]
    assert pieces(hint(0, coarser=False), raw_first_ms=raw_first) == only_raw


def test_nothing_is_gone_if_aggregates_have_nothing_older() -> None:
    assert pieces(hint(0), raw_first_ms=7) == [(0, 0, SPAN[1])]


def test_what_is_past_its_retention_is_not_read() -> None:
    found = pieces(hint(H1), first_ms={H1: 3 * DAY + 5, M5: 9 * DAY})
    whole_window = 3 * DAY + H1
    assert found[:2] == [(0, 0, whole_window), (H1, whole_window + 1, 8 * DAY)]


@pytest.mark.parametrize(
    ("doubtful", "expected"),
    [
        (("h1",), [(0, 0, 0), (H1, 1, DAY), (M5, DAY + 1, 2 * DAY), (H1, 2 * DAY + 1, 8 * DAY)]),
        (("h0", "m0"), [(0, 0, DAY), (H1, DAY + 1, 8 * DAY)]),
    ],
)
def test_where_samples_came_late_the_finer_is_asked(
    doubtful: tuple[str, ...], expected: list[tuple[int, int, int]]
) -> None:
    assert pieces(hint(H1), doubtful=doubtful)[: len(expected)] == expected


def test_where_nothing_finer_is_left_late_samples_have_to_wait() -> None:
    found = pieces(hint(H1), doubtful=("h0", "m0"), raw_first_ms=5 * DAY)
    assert found[:2] == [(0, 0, 0), (H1, 1, 8 * DAY)]


@pytest.mark.parametrize(
    ("time_ms", "first_ms"),
    [(EVER[0], EVER[0]), (1, 1), (2, H1 + 1), (H1, H1 + 1), (H1 + 1, H1 + 1), (0, 1), (-5, 1)],
)
def test_the_first_window_from_a_time_on(time_ms: int, first_ms: int) -> None:
    assert first_of_windows(time_ms, H1) == first_ms
