"""The growing columns of histograms."""

from __future__ import annotations

from storage.head.histograms import HistogramArena
from tests.makers.histograms import EXAMPLES, columns, plain


def test_rows_stay_as_they_were_while_more_are_added() -> None:
    arena = HistogramArena(100, 1000)
    assert arena.extend(columns(EXAMPLES[:4])) == 0
    before = arena.view()
    assert arena.extend(columns(EXAMPLES)) == 4
    assert [plain(before, row) for row in range(len(before))] == list(EXAMPLES[:4])
    view = arena.view()
    assert [plain(view, row) for row in range(len(view))] == [*EXAMPLES[:4], *EXAMPLES]
    assert arena.bucket_count == view.bucket_count == columns(EXAMPLES).bucket_count + 8


def test_nothing_has_no_buckets() -> None:
    assert columns([]).bucket_count == HistogramArena(1, 1).bucket_count == 0
