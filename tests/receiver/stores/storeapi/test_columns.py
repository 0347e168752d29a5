"""Frames of series made into label sets and samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.stores.errors import LyingStore
from receiver.stores.limits import AnswerLimits, Budget
from receiver.stores.storeapi import columns
from receiver.stores.storeapi.columns import Collector
from receiver.wire.messages import message_field, number_field
from storage.labels.matchers import Matcher
from storage.read.joined.fetched import FetchedSeries
from tests.makers.memory_store import samples_of
from tests.makers.native_points import NativePoint
from tests.makers.sources.fake_store import series_frame, series_message

AMPLE = AnswerLimits(1 << 20, 1_000, 1_000, 10_000)
WHOLE = (-(1 << 62), 1 << 62)
Points = list[tuple[int, float]]


def collected(
    *frames: bytes,
    limits: AnswerLimits = AMPLE,
    span: tuple[int, int] = WHOLE,
    matchers: tuple[Matcher, ...] = (),
) -> tuple[FetchedSeries, int, Collector]:
    collector = Collector(Budget(limits))
    for frame in frames:
        collector.add(frame)
    return *collector.finished([matchers], span), collector


def by_labels(found: FetchedSeries) -> dict[tuple[tuple[str, str], ...], Points]:
    samples, labels = found.samples, found.labels
    pairs = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
    offsets = samples.offsets.tolist()
    return {
        tuple(labels.labelset(row).items()): pairs[offsets[row] : offsets[row + 1]]
        for row in range(labels.rows)
    }


def key(name: str, **labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"__name__": name, **labels}.items()))


def line(name: str, points: Points, **labels: str) -> bytes:
    return series_message({"__name__": name, **labels}, points)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]), st.dictionaries(st.integers(0, 50), st.floats(0, 9))
    ),
    st.integers(1, 4),
    st.integers(0, 1 << 30),
)
def test_series_come_in_any_order_and_in_parts(
    wanted: dict[str, dict[int, float]], parts: int, seed: int
) -> None:
    """Chunks that overlap, series that come back, frames cut anywhere."""
    rng = np.random.default_rng(seed)
    messages = []
    for name, points in wanted.items():
        owner = rng.integers(parts, size=len(points))
        for part in range(parts):
            own = sorted(p for p, o in zip(points.items(), owner, strict=True) if o == part)
            messages.append(line(name, own))
    order = rng.permutation(len(messages)).tolist()
    frames = [series_frame(*(messages[k] for k in own)) for own in split(order, rng)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PART_BYTES", int(rng.choice([1, 100, 1 << 20])))
        found, wrong, _ = collected(*frames)
    assert by_labels(found) == {key(n): sorted(points.items()) for n, points in wanted.items()}
    assert wrong == 0


def split(order: list[int], rng: np.random.Generator) -> list[list[int]]:
    cuts = sorted(rng.integers(0, len(order) + 1, size=3).tolist())
    runs = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return [run for run in runs if run]


def test_what_was_not_asked_for_is_left_out() -> None:
    frames = [series_frame(line("up", [(1, 1.0), (9, 2.0)]), line("down", [(1, 1.0)], a=""))]
    asked = (Matcher("__name__", "=~", "u.*"),)
    found, wrong, _ = collected(*frames, matchers=asked, span=(2, 9))
    assert by_labels(found) == {key("up"): [(9, 2.0)]}
    assert wrong == 1


def test_histograms_are_decoded() -> None:
    point = NativePoint(count=2.0, sum=3.0, zero_count=2.0)
    samples = samples_of([[(10, point, 0), (20, point, 0)]])
    message = series_message({"__name__": "h"}, samples)
    found, _, _ = collected(series_frame(message, line("f", [(5, 1.0)])))
    natives = found.samples.natives
    assert natives is not None
    assert natives.mask.tolist() == [True, True, False]
    assert found.samples.values.tolist() == [3.0, 3.0, 1.0]
    assert natives.histograms.counts[natives.rows[:2]].tolist() == [2.0, 2.0]


def test_damaged_chunks_cost_themselves() -> None:
    chunk = message_field(2, message_field(3, message_field(2, b"\x00\x05\x01")))
    strange = message_field(2, message_field(3, number_field(1, 3) + message_field(2, b"\0\1xx")))
    found, _, collector = collected(series_frame(line("up", [(1, 1.0)]) + chunk + strange))
    assert by_labels(found) == {key("up"): [(1, 1.0)]}
    assert collector.damaged == 2
    assert "its data ends within a sample" in collector.fault


def test_no_frame_is_no_series() -> None:
    found, wrong, collector = collected()
    assert (found.labels.rows, len(found.samples), wrong) == (0, 0, 0)
    assert collected(series_frame(b""))[0].labels.labelset(0) == {}


def test_warnings_are_kept() -> None:
    _, _, collector = collected(message_field(2, b"half is gone"), message_field(3, b"hint"))
    assert collector.warnings == ["half is gone"]


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (AnswerLimits(50, 9, 9, 9_999), r"bytes or more, at most 50 are taken \(stores.max-bytes"),
        (AnswerLimits(9_999, 1, 9, 9_999), r"2 series or more, at most 1 .*stores.max-series"),
        (AnswerLimits(9_999, 9, 1, 9_999), r"2 chunks or more, at most 1 .*stores.max-chunks"),
        (AnswerLimits(9_999, 9, 9, 3), r"4 samples or more, at most 3 .*stores.max-samples"),
    ],
)
def test_answers_are_bounded(limits: AnswerLimits, text: str) -> None:
    frame = series_frame(line("a", [(1, 1.0), (2, 1.0)]), line("b", [(1, 1.0), (2, 1.0)]))
    with pytest.raises(LyingStore, match=text):
        collected(frame, limits=limits)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(LyingStore, match="a frame is damaged at byte 0"):
        collected(b"\xff\xff\xff")
