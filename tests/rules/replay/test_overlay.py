"""What was recorded, seen over what is stored."""

import numpy as np
import pytest

from api.promql.queryable import Selection
from rules.memory import MemoryStore
from rules.replay.outcome import Recorded
from rules.replay.overlay import Claim, Overlay, RecordedSource
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from tests.makers.memory_store import float_samples_of

Series = dict[str, list[tuple[int, float]]]
NAME = Matcher("__name__", "=", "m")


def store_of(series: Series) -> MemoryStore:
    """Series m by their label job."""
    store = MemoryStore()
    store.until_ms = 1_000
    for job, samples in series.items():
        store.put({"__name__": "m", "job": job}, samples)
    return store


def source_of(series: Series) -> RecordedSource:
    labels = LabelFrame.from_dicts(Symbols(), [{"__name__": "m", "job": job} for job in series])
    return RecordedSource(Recorded(labels, float_samples_of(list(series.values()))))


def read(selection: Selection, first: int = 0, end: int | None = None) -> Series:
    end = selection.labels.rows if end is None else end
    samples = selection.read(first, end)
    points = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
    return {
        selection.labels.labelset(row)["job"]: points[
            samples.offsets[row - first] : samples.offsets[row - first + 1]
        ]
        for row in range(first, end)
    }


def test_series_of_both_are_joined() -> None:
    base = store_of({"a": [(1, 1.0), (5, 5.0)], "b": [(1, 2.0)]})
    overlay = Overlay(sources=[source_of({"c": [(2, 9.0)], "a": [(3, 3.0), (5, 50.0)]})])
    selection = overlay.over(base).select([NAME], 0, 10)
    expected = {"a": [(1, 1.0), (3, 3.0), (5, 50.0)], "b": [(1, 2.0)], "c": [(2, 9.0)]}
    assert read(selection) == expected
    for first, end in [(0, 1), (1, 3), (2, 3), (1, 2), (3, 3)]:
        jobs = list(expected)[first:end]
        assert read(selection, first, end) == {job: expected[job] for job in jobs}


def test_two_rules_that_record_one_series() -> None:
    overlay = Overlay(
        sources=[source_of({"a": [(1, 1.0), (4, 4.0)]}), source_of({"a": [(2, 2.0)]})]
    )
    selection = overlay.over(store_of({})).select([NAME], 0, 10)
    assert read(selection) == {"a": [(1, 1.0), (2, 2.0), (4, 4.0)]}


@pytest.mark.parametrize(
    ("matcher", "jobs"),
    [
        (Matcher("job", "=", "a"), ["a"]),
        (Matcher("job", "!=", "a"), ["b"]),
        (Matcher("job", "=~", "a|b"), ["a", "b"]),
        (Matcher("job", "=", ""), []),
        (Matcher("zone", "=", ""), ["a", "b"]),
        (Matcher("zone", "=", "z"), []),
    ],
)
def test_recorded_series_are_matched(matcher: Matcher, jobs: list[str]) -> None:
    overlay = Overlay(sources=[source_of({"a": [(1, 1.0)], "b": [(1, 1.0)]})])
    assert list(read(overlay.over(store_of({})).select([NAME, matcher], 0, 10))) == jobs


def test_times_outside_are_not_read() -> None:
    overlay = Overlay(sources=[source_of({"a": [(1, 1.0), (2, 2.0), (3, 3.0)]})])
    assert read(overlay.over(store_of({})).select([NAME], 2, 2)) == {"a": [(2, 2.0)]}


def test_what_is_claimed_does_not_count_in_its_time() -> None:
    points = [(k, float(k)) for k in range(6)]
    base = store_of({"a": points, "b": points})
    claim = Claim(("m", "n"), {"job": "a", "zone": ""}, 2, 4)
    selection = Overlay([claim]).over(base).select([NAME], 0, 10)
    assert read(selection) == {"a": [(0, 0.0), (1, 1.0), (5, 5.0)], "b": points}
    assert read(selection, 1, 2) == {"b": points}


@pytest.mark.parametrize(
    "claim", [Claim(("n",), {}, 0, 9), Claim(("m",), {"job": "c"}, 0, 9), Claim((), {}, 0, 9)]
)
def test_where_nothing_is_claimed_or_recorded_the_selection_is_as_it_was(claim: Claim) -> None:
    base = store_of({"a": [(1, 1.0)]})
    selection = Overlay([claim]).over(base).select([NAME], 0, 10)
    assert type(selection) is type(base.select([NAME], 0, 10))


def test_labels_are_in_symbols_of_the_query() -> None:
    base = store_of({"a": [(1, 1.0)]})
    overlaid = Overlay(sources=[source_of({"b": [(1, 1.0)]})]).over(base)
    labels = overlaid.select([NAME], 0, 10).labels
    assert labels.symbols is overlaid.symbols is base.symbols
    assert np.unique(labels.column("__name__")).tolist() == [base.symbols.code("m")]
