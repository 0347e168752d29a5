"""Replica health: the kernels against their plain twins, and what they say of plain cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.kernels.stale import STALE_NAN
from storage.read.replicas.health import UNKNOWN_MS, GroupHealth, RowHealth, measure
from storage.samples.samples import Samples
from tests.twins.storage import health as naive

rows = st.dictionaries(st.integers(0, 40), st.sampled_from([1.0, 2.0, 3.0, None]), max_size=12).map(
    lambda points: sorted(points.items())
)
groups_of_rows = st.lists(st.lists(rows, min_size=1, max_size=3), min_size=1, max_size=4)


def columns(series: list[naive.Row]) -> Samples:
    flat = [point for row in series for point in row]
    return Samples(
        np.cumsum([0] + [len(row) for row in series]).astype(np.int64),
        np.array([t for t, _ in flat], np.int64),
        np.array([STALE_NAN if v is None else v for _, v in flat], np.float64),
    )


def measured(
    groups: list[list[naive.Row]], outputs: list[naive.Row], sources: list[int]
) -> tuple[RowHealth, GroupHealth]:
    members = np.cumsum([0] + [len(group) for group in groups]).astype(np.int64)
    flat = [row for group in groups for row in group]
    return measure(columns(flat), members, columns(outputs), np.array(sources, np.int32))


def known(column: np.ndarray) -> list[int | None]:
    return [None if x == UNKNOWN_MS else int(x) for x in column]


@given(groups_of_rows, st.data())
def test_kernels_agree_with_their_twins(groups: list[list[naive.Row]], data: st.DataObject) -> None:
    outputs: list[naive.Row] = []
    sources: list[list[int]] = []
    for group in groups:
        merged = {t: (v, i) for i, row in reversed(list(enumerate(group))) for t, v in row}
        kept = sorted(data.draw(st.sets(st.sampled_from(sorted(merged))))) if merged else []
        outputs.append([(t, merged[t][0]) for t in kept])
        sources.append([merged[t][1] for t in kept])
    row_health, group_health = measured(groups, outputs, [s for some in sources for s in some])
    want: dict[str, list[object]] = {name: [] for name in RowHealth.__dataclass_fields__}
    switches, holes = [], []
    for group, output, source in zip(groups, outputs, sources, strict=True):
        widths = naive.shared_intervals(group)
        real = [s for s, (_, v) in zip(source, output, strict=True) if v is not None]
        for i, row in enumerate(group):
            want["counts"].append(len(naive.times(row)))
            want["last_ms"].append(max(naive.times(row), default=None))
            want["interval_ms"].append(widths[i])
            want["offset_ms"].append(naive.offset(row, group[0]))
            want["missed"].append(naive.missed(row, output, widths[i]))
            want["outputs"].append(real.count(i))
            want["ended"].append(bool(row) and row[-1][1] is None)
        switches.append(sum(a != b for a, b in zip(real, real[1:], strict=False)))
        holes.append(naive.holes(group, output, widths[0]))
    for name, column in want.items():
        assert known(getattr(row_health, name)) == column, name
    assert group_health.switches.tolist() == switches
    assert group_health.holes.tolist() == holes


def scrapes(start: int, end: int, step: int = 15) -> naive.Row:
    return [(t, 1.0) for t in range(start, end, step)]


@pytest.mark.parametrize(
    ("second", "missed"),
    [
        (scrapes(7, 600), 0),
        (scrapes(0, 600), 0),
        (scrapes(7, 300), 19),
        (scrapes(307, 600), 20),
        (scrapes(7, 300) + scrapes(352, 600), 3),
        (scrapes(1, 300) + scrapes(346, 600), 3),
        (scrapes(14, 300) + scrapes(359, 600), 3),
        ([], 40),
    ],
)
def test_missed_scrapes_are_those_that_the_output_has(second: naive.Row, missed: int) -> None:
    first = scrapes(0, 600)
    health, group = measured([[first, second]], [first], [0] * len(first))
    assert health.missed.tolist() == [0, missed]
    assert health.outputs.tolist() == [40, 0]
    assert known(health.interval_ms) == [15, 15]
    assert (group.switches.tolist(), group.holes.tolist()) == ([0], [0])


def test_offsets_intervals_and_holes() -> None:
    first = scrapes(0, 150) + scrapes(300, 450)
    second = scrapes(4, 150) + scrapes(304, 450)
    health, group = measured([[first, second]], [first], [0] * len(first))
    assert known(health.offset_ms) == [0, 4]
    assert group.holes.tolist() == [1]
    ended: naive.Row = [*first[:10], (150, None), *first[10:]]
    _, group = measured([[ended, second]], [ended], [0] * len(ended))
    assert group.holes.tolist() == [0]
