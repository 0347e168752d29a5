"""Random histories: whatever is written, sealed, compacted and reopened in whatever order, every
series has the samples and exemplars of a plain model, in which what was written first stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.compaction.merging import MergeLimits
from storage.database import Database
from storage.following import FollowedBucket
from storage.options import DAY_MS, HOUR_MS
from tests.makers.bodies.exemplars import batch
from tests.makers.compaction import compact
from tests.makers.databases import WHOLE, append, key, opened, read_mixed, seal, write_mixed
from tests.makers.histograms import EXAMPLES, Plain
from tests.twins.storage.kernels import MixedPoint

TENANTS = ("a", "b")
# Near each other, and in windows of two hours, of days, and of eight days.
TIMES = [0, 1, 2, 3, HOUR_MS, 2 * HOUR_MS - 1, 2 * HOUR_MS, 5 * HOUR_MS, DAY_MS, 8 * DAY_MS, -1]
CONTENTS = [1, 2, 0x7FF0000000000002, 0x7FF8DEADBEEF0001, *(h._replace(hint=3) for h in EXAMPLES)]
Name = tuple[str, str]  # tenant and metric

points = st.dictionaries(
    st.sampled_from(TIMES),
    st.tuples(st.sampled_from(CONTENTS), st.sampled_from([0, 0, 7])),
    min_size=1,
    max_size=8,
)
names = st.tuples(st.sampled_from(TENANTS), st.sampled_from(["m", "n", "o"]))
exemplars = st.tuples(st.sampled_from(TIMES), st.sampled_from([1.0, 2.0]), st.sampled_from("xy"))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("exemplars"), names, st.lists(exemplars, min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["seal", "seal", "compact", "reopen"]), st.none(), st.none()),
    ),
    min_size=3,
    max_size=25,
)


@dataclass
class Model:
    """What is to be found: by tenant and metric."""

    samples: dict[Name, dict[int, tuple[int | Plain, int]]] = field(default_factory=dict)
    exemplars: dict[Name, set[tuple[int, float, str]]] = field(default_factory=dict)

    def acceptable(self, name: Name, written: dict[int, Any]) -> dict[int, Any]:
        """What a sender may write: another value at the newest time is refused as a conflict, and
        with it nothing is said about the rest, so it is left out here."""
        known = self.samples.get(name, {})
        newest = max(known, default=None)
        return {t: v for t, v in written.items() if t != newest}

    def write(self, name: Name, written: dict[int, Any]) -> None:
        known = self.samples.setdefault(name, {})
        for time, value in written.items():
            known.setdefault(time, value)


def check(database: Database | FollowedBucket, model: Model) -> None:
    for tenant in TENANTS:
        found = {k: v for k, v in read_mixed(database, tenant=tenant).items() if v}
        expected: dict[Any, list[MixedPoint]] = {
            key(metric): [(t, *content) for t, content in sorted(known.items())]
            for (owner, metric), known in model.samples.items()
            if owner == tenant and known
        }
        assert found == expected
        selection = database.querier(tenant, replica_labels=(), dedup=True).exemplars([], *WHOLE)
        stored = set()
        for row in range(selection.labels.rows):
            metric = selection.labels.labelset(row)["__name__"]
            for i in range(*selection.offsets[row : row + 2].tolist()):
                ((_, text),) = selection.exemplar_labels[i]
                stored.add((metric, int(selection.timestamps[i]), selection.values[i], text))
        assert stored == {
            (metric, *entry)
            for (owner, metric), entries in model.exemplars.items()
            if owner == tenant
            for entry in entries
        }
        assert len(selection.timestamps) == len(stored), "each once"


class History:
    """A database and its model, step by step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = Model()
        self._opened = self.open()
        self.database = self._opened.__enter__()

    def open(self) -> AbstractContextManager[Database]:
        return opened(self.path)

    def close(self) -> None:
        self._opened.__exit__(None, None, None)

    def step(self, kind: str, name: Name, given: Any) -> None:
        if kind == "write":
            written = self.model.acceptable(name, given)
            if written:
                sent = [(t, content, start) for t, (content, start) in sorted(written.items())]
                write_mixed(self.database, [({"__name__": name[1]}, sent)], tenant=name[0])
                self.model.write(name, written)
        elif kind == "exemplars":
            sent = [(t, value, {"id": text}) for t, value, text in given]
            append(self.database, batch([({"__name__": name[1]}, [], sent)]), tenant=name[0])
            self.model.exemplars.setdefault(name, set()).update(given)
        elif kind == "seal":
            seal(self.database)
        elif kind == "compact":
            compact(self.database)
        else:
            self._opened.__exit__(None, None, None)
            self._opened = self.open()
            self.database = self._opened.__enter__()


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(steps)
def test_every_series_is_as_in_the_model(history: list[Any]) -> None:
    with TemporaryDirectory() as name:
        run = History(Path(name))
        try:
            for kind, series, given in history:
                run.step(kind, series, given)
            check(run.database, run.model)
            for kind in ("seal", "compact", "compact", "reopen"):
                run.step(kind, ("", ""), None)
                check(run.database, run.model)
            spans = sorted((s.min_ms, s.max_ms) for s in run.database._shards[0].view().segments)
            # In three windows. What comes late and is less than a quarter of the rest stays apart:
            # of some 200 samples that are four more segments at most.
            assert len(spans) <= 3 * 5, "of each window few segments"
        finally:
            run.close()


def test_blocks_of_any_size_give_the_same(directory: Path) -> None:
    """Large enough for several blocks, and one series that is cut by time."""
    run = History(directory)
    try:
        for number in range(6):
            for metric in ("m", "n"):
                given = {t * 7 % 40 + 40 * (number % 3): (t, 0) for t in range(25 + number)}
                run.step("write", ("a", metric), given)
            run.step("write", ("a", "h"), {t: (CONTENTS[4 + t % 9], 0) for t in range(number, 40)})
            run.step("seal", ("", ""), None)
        check(run.database, run.model)
        for samples in (1, 2, 5, 1 << 20):
            compact(run.database, limits=MergeLimits(series=2, samples=samples))
            check(run.database, run.model)
            run.step("write", ("a", "m"), {500 + samples: (1, 0), 499: (samples, 0)})
            run.step("seal", ("", ""), None)
    finally:
        run.close()
