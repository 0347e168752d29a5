"""Edges of windows that are taken where samples lie are those of the samples that are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from storage.database import Database
from storage.errors import LimitExceeded
from storage.kernels.stale import STALE_NAN
from storage.labels.matchers import Matcher
from storage.read.sealed import StoredRows
from storage.read.selection import StoredSelection
from tests.makers.databases import Points, opened, seal, series, write
from tests.twins.storage.edges import window_edges

STEP_MS = 15_000
SCRAPES = 400
ENDS = np.arange(0, (SCRAPES + 20) * STEP_MS, 70_000)


def counter(seed: int, *, first: int = 0, end: int = SCRAPES) -> Points:
    """Hundredths that are reset now and then; scrapes [first, end)."""
    random = np.random.default_rng(seed)
    rises = random.integers(0, 50, SCRAPES).cumsum()
    resets = random.random(SCRAPES) < 0.03
    since = np.maximum.accumulate(np.where(resets, rises, 0))
    return [(k * STEP_MS + seed, float(rises[k] - since[k]) / 100) for k in range(first, end)]


def fill(database: Database) -> None:
    """Two segments and a head with plain counters, and series of every other kind."""
    for first, end in ((0, 150), (150, 300), (300, SCRAPES)):
        written = [series("plain", counter(k, first=first, end=end), n=str(k)) for k in range(5)]
        roots = [(t, (v + 2) ** 0.5) for t, v in counter(7, first=first, end=end)]
        ended = counter(8, first=first, end=end - 5)
        ended.append((end * STEP_MS - 30_000, STALE_NAN))
        written += [series("fractions", roots), series("ended", ended)]
        write(database, written)
        if end < SCRAPES:
            seal(database)
    late = [(t + 1, v) for t, v in counter(9, first=20, end=30)]
    write(database, [series("late", counter(9, first=301, end=320)), series("late", late)])


@pytest.fixture(scope="module", params=["kept", "not kept"])
def database(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Database]:
    """kept: whether row groups are kept decoded, and edges are taken from these."""
    cache_bytes = (64 << 20) if request.param == "kept" else 0
    path = tmp_path_factory.mktemp("edges")
    with opened(path, segment_cache_bytes=cache_bytes) as made:
        fill(made)
        yield made


def select(database: Database, name: str, span: tuple[int, int]) -> StoredSelection:
    querier = database.querier("t", replica_labels=(), dedup=False)
    selection = querier.select([Matcher("__name__", "=", name)], *span)
    assert isinstance(selection, StoredSelection)
    return selection


@pytest.mark.parametrize("is_counter", [True, False])
@pytest.mark.parametrize("range_ms", [20_000, 300_000, 2_000_000])
@pytest.mark.parametrize("span", [(0, 1 << 40), (1_000_000, 4_800_000), (2_000_000, 2_100_000)])
@pytest.mark.parametrize(
    ("name", "rows"),
    [("plain", (0, 5)), ("plain", (2, 4)), ("fractions", (0, 1)), ("late", (0, 1))],
)
def test_edges_of_plain_series(
    database: Database,
    is_counter: bool,
    range_ms: int,
    span: tuple[int, int],
    name: str,
    rows: tuple[int, int],
) -> None:
    selection = select(database, name, span)
    for first, end in (rows, (1, 1)):
        edges = selection.edges(first, end, (ENDS, range_ms), is_counter)
        samples = selection.read(first, end)
        assert edges is not None
        assert edges.samples == len(samples)
        for i in range(end - first):
            own = slice(samples.offsets[i], samples.offsets[i + 1])
            pairs = samples.timestamps[own].tolist(), samples.values[own].tolist()
            points = list(zip(*pairs, strict=True))
            columns = edges.counts, edges.first_ms, edges.last_ms, edges.first, edges.change
            rows = zip(*[column[i].tolist() for column in columns], strict=True)
            expected = window_edges(points, ENDS.tolist(), range_ms, is_counter)
            assert [row if row[0] else None for row in rows] == expected


def test_series_with_stale_markers_have_to_be_read(database: Database) -> None:
    selection = select(database, "ended", (0, 1 << 40))
    assert selection.edges(0, 1, (ENDS, 300_000), True) is None


def test_more_samples_than_allowed(tmp_path: Path) -> None:
    with opened(tmp_path, select_samples_max=100) as made:
        write(made, [series("plain", counter(1, end=90))])
        seal(made)
        write(made, [series("plain", counter(1, first=90, end=120))])
        selection = select(made, "plain", (0, 1 << 40))
        with pytest.raises(LimitExceeded, match=r"storage\.select\.max-samples"):
            selection.edges(0, 1, (ENDS, 300_000), True)


def test_few_rows_of_row_groups_are_kept_once_they_are_asked_for_again(tmp_path: Path) -> None:
    """A long series in one row group, of which a few minutes are wanted."""
    with opened(tmp_path, segment_cache_bytes=64 << 20) as made:
        write(made, [series("plain", counter(1))])
        seal(made)
        sealed = select(made, "plain", (0, 1 << 40)).sealed
        assert isinstance(sealed, StoredRows)
        kept = sealed.reader.caches.groups
        for span, count in (((0, 1 << 40), 0), ((60_000, 300_000), 0), ((90_000, 330_000), 1)):
            edges = select(made, "plain", span).edges(0, 1, (ENDS, 120_000), True)
            assert edges is not None and edges.samples > 0
            assert len(kept) == count
