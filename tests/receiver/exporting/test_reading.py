"""What is exported of a database: every sample of the selection once, in blocks of bounded size."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.exporting.reading import Block, labels_of, stored_blocks
from receiver.importing.parts import ALWAYS, Span
from receiver.selector import parse_selector
from storage.errors import LimitExceeded
from tests.makers.batches import label
from tests.makers.databases import Points, opened, seal, series, write

POINTS: Points = [(60_000 * k, float(k)) for k in range(64)]
WRITTEN = [
    series("a", POINTS, l="x"),
    series("a", POINTS[:3], l="y"),
    series("b", POINTS[5:7], l="x"),
]
X, Y = "x", "y"


def found_in(blocks: list[Block]) -> dict[tuple[str, str], Points]:
    found: dict[tuple[str, str], Points] = {}
    for block in blocks:
        for k, labels in enumerate(block.labels):
            own = slice(*block.samples.offsets[k : k + 2].tolist())
            times, values = block.samples.timestamps[own], block.samples.values[own]
            points = list(zip(times.tolist(), values.tolist(), strict=True))
            found.setdefault((labels["__name__"], labels["l"]), []).extend(points)
    return found


def exported(
    path: Path, *selectors: str, span: Span = ALWAYS, samples_max: int = 1000
) -> list[Block]:
    with opened(path, select_samples_max=samples_max) as database:
        write(database, WRITTEN)
        seal(database)
        querier = database.querier("t", replica_labels=(), dedup=False)
        return list(stored_blocks(querier, [parse_selector(s) for s in selectors], span))


def test_everything_metric_by_metric(tmp_path: Path) -> None:
    blocks = exported(tmp_path, "{}")
    assert len(blocks) == 2
    assert found_in(blocks) == {
        ("a", X): POINTS, ("a", Y): POINTS[:3], ("b", X): POINTS[5:7],
    }  # fmt: skip


def test_selectors_and_times(tmp_path: Path) -> None:
    found = found_in(exported(tmp_path, '{l="x"}', "a", span=Span(60_000, 120_000)))
    assert found == {("a", X): POINTS[1:3], ("a", Y): POINTS[1:3]}
    assert found_in(exported(tmp_path / "2", "b", '{l=~".*"}')) == {
        ("b", X): POINTS[5:7], ("a", X): POINTS, ("a", Y): POINTS[:3],
    }  # fmt: skip


def test_large_metrics_come_in_spans_of_time(tmp_path: Path) -> None:
    blocks = exported(tmp_path, "a", samples_max=10)
    assert max(len(block.samples) for block in blocks) <= 10
    assert found_in(blocks) == {("a", X): POINTS, ("a", Y): POINTS[:3]}


def test_a_minute_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="storage.select.max-samples"):
        exported(tmp_path, "a", samples_max=1)


def test_labels() -> None:
    assert labels_of(label(b"a", "é".encode()) + label(b"b", b"")) == {"a": "é", "b": ""}
