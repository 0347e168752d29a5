"""Parts of a selection that are read one after the other, and what aggregates give to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from storage.downsampling.aggregates import RESOLUTION_1H_MS as H1
from storage.downsampling.aggregates import Rows
from storage.errors import LimitExceeded
from storage.kernels.stale import STALE_NAN
from storage.read.resolutions.covering import Piece
from storage.read.resolutions.mixing import COLUMNS, AggregatedRows, MixedSelection, in_turn
from storage.samples.cuts import Cuts
from storage.samples.hint import Purpose
from storage.samples.merge import clip
from storage.samples.samples import Samples, Weights, empty_samples, weights_of
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.duck import Duck
from storage.segments.segment import SegmentMeta
from tests.makers.downsampling.segments import folded, write_windows
from tests.twins.storage.aggregates import bits_of

MINUTE = 60_000
DAY = 24 * H1


def samples_of(series: list[list[tuple[int, float]]]) -> Samples:
    flat = [point for own in series for point in own]
    ends = np.cumsum([0, *map(len, series)])
    return Samples(ends, np.array([t for t, _ in flat]), np.array([v for _, v in flat]))


def rows_of(samples: Samples) -> list[list[tuple[int, float]]]:
    points = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
    ends = samples.offsets.tolist()
    return [points[a:b] for a, b in zip(ends, ends[1:], strict=False)]


def test_parts_come_one_after_the_other() -> None:
    first = samples_of([[(1, 1.0)], [], [(2, 2.0), (3, 3.0)]])
    weights = Weights(np.array([4, 5]), np.array([5, 9]))
    second = samples_of([[(7, 4.0)], [(9, 5.0)], []])
    second = Samples(second.offsets, second.timestamps, second.values, weights=weights)
    mixed = in_turn([first, empty_samples(3), second])
    assert rows_of(mixed) == [[(1, 1.0), (7, 4.0)], [(9, 5.0)], [(2, 2.0), (3, 3.0)]]
    assert mixed.weights is not None
    assert mixed.weights.counts.tolist() == [1, 4, 5, 1, 1]
    assert mixed.weights.since.tolist() == [1, 5, 9, 2, 3]
    assert in_turn([empty_samples(3), first]) is first
    assert len(in_turn([empty_samples(3), empty_samples(3)])) == 0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SegmentMeta]]:
    """A day of hours of the series 3, 5 and 8: a sample a minute, counted from zero."""
    path = tmp_path_factory.mktemp("windows")
    minutes = [(t * MINUTE, bits_of(float(t))) for t in range(1, 24 * 60 + 1)]
    spill = tmp_path_factory.mktemp("spill")
    duck = Duck(memory_bytes=256 << 20, threads=1, temporary=spill)
    block = folded({i: (minutes, []) for i in (3, 5, 8)}, H1)
    yield path, write_windows(duck, path, [block], resolution=H1, cover=(0, DAY))
    duck.close()


def part(
    written: tuple[Path, SegmentMeta],
    ids: list[int],
    *,
    span: tuple[int, int] = (1, DAY),
    deleted: Cuts | None = None,
    cuts: Cuts | None = None,
    samples_max: int = 1_000,
    purpose: Purpose = Purpose.TOTALS,
) -> AggregatedRows:
    path, segment = written
    return AggregatedRows(
        AggregateReader(path, SegmentCaches()),
        Piece(span, H1, (segment,)),
        np.array(ids, np.int64),
        [([segment], deleted)],
        purpose,
        samples_max,
        cuts,
    )


def test_rows_are_in_any_order_and_some_are_not_aggregated(
    written: tuple[Path, SegmentMeta],
) -> None:
    rows = part(written, [8, -1, 3, 4], span=(2 * H1 + 1, 4 * H1))
    hours = [(3 * H1, float(sum(range(121, 181)))), (4 * H1, float(sum(range(181, 241))))]
    assert rows_of(rows.read(0, 4)) == [hours, [], hours, []]
    assert rows_of(rows.read(1, 3)) == [[], hours]
    assert rows_of(rows.read(1, 2)) == [[]]
    assert rows.expected_samples == 3 * 2


def test_windows_that_are_cut_by_the_span_are_whole(written: tuple[Path, SegmentMeta]) -> None:
    found = part(written, [5], span=(3 * H1, 3 * H1 + 1)).read(0, 1)
    assert found.timestamps.tolist() == [3 * H1, 4 * H1]


def test_what_is_hidden_is_not_read(written: tuple[Path, SegmentMeta]) -> None:
    """A deletion takes windows that it touches; what is past a period is cut by its time."""
    both, one = np.array([True, True]), np.array([False, True])
    rows = part(
        written,
        [5, 3],
        deleted=Cuts.of([(2 * H1 + 5 * MINUTE, DAY)], [one]),
        cuts=Cuts.of([(0, H1)], [both]),
    )
    first, second = rows_of(rows.read(0, 2))
    assert [t for t, _ in first] == [h * H1 for h in range(2, 25)]
    assert [t for t, _ in second] == [2 * H1]


def test_more_windows_than_allowed_are_refused(written: tuple[Path, SegmentMeta]) -> None:
    with pytest.raises(LimitExceeded, match=r"storage\.select\.max-samples"):
        part(written, [3, 5], samples_max=47).read(0, 2)


def test_a_mixed_selection_reads_all_its_parts(written: tuple[Path, SegmentMeta]) -> None:
    rows = part(written, [3, 5])
    selection = MixedSelection(None, [rows, rows], (0, H1))  # type: ignore[arg-type]
    assert selection.expected_samples == 2 * rows.expected_samples == 96
    assert len(part(written, [3, 5]).read(0, 2)) * 2 == len(selection.read(0, 2))


@dataclass(frozen=True)
class Raw:
    """A part with samples as they came."""

    samples: Samples

    @property
    def expected_samples(self) -> int:
        return len(self.samples)

    def read(self, first_row: int, end_row: int) -> Samples:
        return clip(self.samples, first_row, end_row)


@pytest.mark.parametrize("purpose", [p for p in Purpose])
@pytest.mark.parametrize("rows", [(0, 4), (1, 3), (1, 2)])
def test_parts_are_put_where_in_turn_puts_them(
    written: tuple[Path, SegmentMeta], purpose: Purpose, rows: tuple[int, int]
) -> None:
    ids = [8, -1, 3, 4]
    before = samples_of([[(-9, 1.0)], [(-9, STALE_NAN), (-8, 2.0)], [], [(-1, -0.0)]])
    after = samples_of([[], [(2 * DAY, 1.0)], [(2 * DAY, 5.0)], []])
    parts = [
        Raw(before),
        part(written, ids, span=(1, 9 * H1), purpose=purpose),
        part(written, ids, span=(9 * H1 + 1, DAY), purpose=purpose),
        Raw(after),
    ]
    selection = MixedSelection(None, parts, (0, H1))  # type: ignore[arg-type]
    found, expected = selection.read(*rows), in_turn([each.read(*rows) for each in parts])
    assert found.offsets.tolist() == expected.offsets.tolist()
    assert found.timestamps.tolist() == expected.timestamps.tolist()
    assert found.values.tobytes() == expected.values.tobytes()
    own, other = weights_of(found), weights_of(expected)
    assert own.counts.tolist() == other.counts.tolist()
    assert own.since.tolist() == other.since.tolist()
    # Where nothing is downsampled, nothing has a weight.
    assert MixedSelection(None, parts[:1], (0,)).read(*rows).weights is None  # type: ignore[arg-type]


def test_parts_with_starts_or_cuts_are_read_one_by_one(written: tuple[Path, SegmentMeta]) -> None:
    started = replace(samples_of([[(-9, 1.0)]]), starts=np.array([-10]))
    cuts = Cuts.of([(0, 20 * H1)], [np.array([True])])
    for parts in ([Raw(started), part(written, [3])], [part(written, [3], cuts=cuts)]):
        selection = MixedSelection(None, parts, (0, H1))  # type: ignore[arg-type]
        found, expected = selection.read(0, 1), in_turn([each.read(0, 1) for each in parts])
        assert found.timestamps.tolist() == expected.timestamps.tolist()
        assert (found.starts is None) == (expected.starts is None)


def test_columns_of_purposes_are_columns_of_rows() -> None:
    assert set(COLUMNS) == set(Purpose)
    assert all(set(columns) <= set(Rows._fields) for columns in COLUMNS.values())
