"""Random histories: whatever is written, sealed, compacted, downsampled, deleted and reopened, in
whatever order, windows in the end are those of what queries see of the samples, pairs as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.dedup.algorithm import PairRule
from storage.downsampling.aggregates import RESOLUTIONS_MS
from storage.labels.matchers import Matcher
from storage.options import DAY_MS, HOUR_MS, MINUTE_MS
from storage.policy import Policy
from tests.makers.compaction import compact
from tests.makers.databases import key, opened, read, seal, write_mixed
from tests.makers.downsampling.databases import downsample, stored
from tests.makers.histograms import Plain, contents
from tests.twins.storage import aggregates as naive

POLICY = Policy(pairs=lambda tenant: PairRule(("replica",)))
LATER = 2 * DAY_MS
# Within a window, at both of its ends, and in windows of other hours and days.
TIMES = [
    1, 1000, MINUTE_MS, 5 * MINUTE_MS, 5 * MINUTE_MS + 1, 10 * MINUTE_MS, HOUR_MS, HOUR_MS + 1,
    DAY_MS - 1, DAY_MS, DAY_MS + 1, LATER, 9 * DAY_MS,
]  # fmt: skip
VALUES = [naive.bits_of(v) for v in (1.0, 2.0, 3.0, 0.5, float("inf"))] + [naive.STALE]
points = st.dictionaries(st.sampled_from(TIMES), st.sampled_from(VALUES), min_size=1, max_size=6)
counted = st.dictionaries(st.sampled_from(TIMES), st.integers(1, 5), min_size=1, max_size=6)
names = st.sampled_from([("m", ""), ("n", ""), ("p", "a"), ("p", "b")])
spans = st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)).map(sorted)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("histograms"), st.just(("h", "")), counted),
        st.tuples(st.just("delete"), st.sampled_from(["m", "n", "h"]), spans),
        st.tuples(
            st.sampled_from(["seal", "seal", "compact", "downsample", "early", "reopen"]),
            st.none(),
            st.none(),
        ),
    ),
    min_size=3,
    max_size=14,
)


class History:
    """A database, step by step. A second value for a moment is never written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[tuple[str, str], set[int]] = {}
        self.open()

    def open(self) -> None:
        self._opened = opened(self.path, policy=POLICY)
        self.database = self._opened.__enter__()

    def close(self) -> None:
        self._opened.__exit__(None, None, None)

    def step(self, kind: str, name: Any, given: Any) -> None:
        database = self.database
        match kind:
            case "write":
                self.write(name, given)
            case "histograms":
                rows = {
                    t: Plain(count=float(c), positive=((1, float(c)),)) for t, c in given.items()
                }
                self.write(name, rows)
            case "delete":
                matcher = Matcher("__name__", "=", name)
                database.deletions.delete_series("t", ((matcher,),), *given)
            case "seal":
                self.seal()
            case "compact":
                compact(database)
            case "downsample":
                downsample(database)
            case "early":
                downsample(database, at_ms=LATER + 40 * HOUR_MS)
            case "reopen":
                self.close()
                self.open()

    def seal(self) -> None:
        if self.database._shards[0].head_samples:
            seal(self.database)

    def write(self, name: tuple[str, str], written: dict[int, Any]) -> None:
        known = self.known.setdefault(name, set())
        fresh = [(t, content, 0) for t, content in sorted(written.items()) if t not in known]
        known.update(written)
        metric, replica = name
        labels = {"__name__": metric} | ({"replica": replica} if replica else {})
        if fresh:
            write_mixed(self.database, [(labels, fresh)])


@contextmanager
def history() -> Iterator[History]:
    with TemporaryDirectory() as name:
        made = History(Path(name))
        try:
            yield made
        finally:
            made.close()


def seen(database: Database) -> dict[Any, tuple[list[naive.Point], list[Any]]]:
    """What queries see: floats as bits, and histograms as their counts."""
    querier = database.querier("t", replica_labels=("replica",), dedup=True)
    selection = querier.select((), -(1 << 62), 1 << 62)
    found = {}
    for row in range(selection.labels.rows):
        (points,) = contents(selection.read(row, row + 1))
        floats = [(t, c) for t, c, _ in points if not isinstance(c, Plain)]
        histograms = [(t, c.count) for t, c, _ in points if isinstance(c, Plain)]
        if points:
            found[tuple(selection.labels.labelset(row).items())] = floats, histograms
    return found


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_windows_are_those_of_the_samples(given: list[tuple[str, Any, Any]]) -> None:
    with history() as made:
        made.write(("m", ""), {1: VALUES[0]})
        for step in given:
            made.step(*step)
        made.seal()
        made.database.deletions.clean("t")
        downsample(made.database)
        for resolution_ms in RESOLUTIONS_MS:
            expected = {
                labels: (naive.fold(floats, resolution_ms), naive.keep(others, resolution_ms))
                for labels, (floats, others) in seen(made.database).items()
            }
            assert repr(stored(made.database, resolution_ms)) == repr(
                {labels: expected[labels] for labels in stored(made.database, resolution_ms)}
            )
            assert stored(made.database, resolution_ms).keys() == expected.keys()
        assert read(made.database)[key("m")] is not None
