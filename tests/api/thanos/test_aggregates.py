"""Downsampled series: chunks of aggregates by hand, what a reader makes of counters, and which data
a database sends for what is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.endpoints.handler import Call, Job, Slot
from api.forms import Params
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.thanos.aggregates import chunks_of_windows
from api.thanos.requests import COUNT, COUNTER, MAX, MIN, SUM
from api.thanos.series import SeriesHandlers
from api.thanos.stream import SeriesLimits
from storage.database import Database
from storage.dedup.algorithm import PairRule
from storage.downsampling.aggregates import RESOLUTION_1H_MS as H1
from storage.downsampling.aggregates import RESOLUTION_5M_MS as M5
from storage.downsampling.folding import fold
from storage.kernels.stale import STALE_NAN
from storage.options import DAY_MS
from storage.policy import Policy
from storage.samples.samples import Samples
from tests.api.thanos.test_chunks import content
from tests.makers.databases import opened, seal, series, write
from tests.makers.downsampling.databases import downsample
from tests.makers.thanos.client import Answer, read_answer, series_request
from tests.twins.storage.chunks import float_bits, float_chunk

ALL = (COUNT, SUM, MIN, MAX, COUNTER)
Points = list[tuple[int, float]]
SOON = {"downsampling_5m_after_ms": 0, "downsampling_1h_after_ms": 0}


def samples_of(every: Sequence[Points]) -> Samples:
    flat = [point for own in every for point in own]
    times, values = np.array([t for t, _ in flat], np.int64), np.array([v for _, v in flat], float)
    return Samples(np.cumsum([0, *map(len, every)]), times, values)


def windows_of(points: Points) -> list[Points]:
    """The samples of each window of five minutes, without markers."""
    found: dict[int, Points] = {}
    for time, value in points:
        if float_bits(value) != float_bits(STALE_NAN):
            found.setdefault(-(-time // M5), []).append((time, value))
    return [found[key] for key in sorted(found)]


def encoded(points: Points) -> bytes:
    return float_chunk([(time, float_bits(value)) for time, value in points])


def rise_of(values: Sequence[float]) -> float:
    return sum(b - a if b >= a else b for a, b in zip(values, values[1:], strict=False))


def counter_of(windows: list[Points]) -> Points:
    """What a chunk of a counter has."""
    every = [value for window in windows for _, value in window]
    found: Points = []
    seen = 0
    for window in windows:
        ends = [0] if len(window) == 1 else [0, len(window) - 1]
        for place in ends:
            total = every[0] + rise_of(every[: seen + place + 1])
            found.append((window[place][0], total))
        seen += len(window)
    return [*found, (windows[-1][-1][0], every[-1])]


values = st.one_of(st.integers(0, 50).map(float), st.just(STALE_NAN))
histories = st.lists(
    st.lists(st.tuples(st.integers(1, 200_000), values), max_size=40), min_size=1, max_size=3
).map(
    lambda every: [
        [(sum(step for step, _ in own[: k + 1]), value) for k, (_, value) in enumerate(own)]
        for own in every
    ]
)


@given(histories)
@settings(deadline=None, max_examples=60)
def test_parts_of_chunks(every: list[Points]) -> None:
    found = content(chunks_of_windows(fold(samples_of(every), M5), ALL))
    for own, points in zip(found, every, strict=True):
        windows = windows_of(points)
        if not windows:
            assert own == []
            continue
        ((first_ms, last_ms, parts),) = own
        assert (first_ms, last_ms) == (windows[0][0][0], windows[-1][-1][0])
        numbers = [[value for _, value in window] for window in windows]
        times = [window[-1][0] for window in windows]
        columns = [[float(len(n)) for n in numbers], [math.fsum(n) for n in numbers]]
        columns += [[min(n) for n in numbers], [max(n) for n in numbers]]
        wanted = [encoded(list(zip(times, column, strict=True))) for column in columns]
        assert parts == list(zip(range(4, 9), [*wanted, encoded(counter_of(windows))], strict=True))


def read_counter(chunks: Sequence[Points]) -> list[tuple[int, float]]:
    """What Thanos reads of a counter: risen by falls, a repeated time stating the last value."""
    found: Points = []
    last_ms, last, total = -1, 0.0, 0.0
    for chunk in chunks:
        for time, value in chunk:
            if time <= last_ms:
                last = value
                continue
            total = value if last_ms < 0 else total + (value - last if value >= last else value)
            last_ms, last = time, value
            found.append((time, total))
    return found


def test_long_counters_are_read_as_they_rose() -> None:
    rng = np.random.default_rng(5)
    steps = rng.integers(0, 9, 4_000)
    steps[::701] = 0
    numbers = np.cumsum(steps).astype(float)
    for reset in (500, 1_777, 1_778, 3_000):
        numbers[reset:] -= numbers[reset]
    points = [(60_000 * (k + 1), float(value)) for k, value in enumerate(numbers)]
    windows = windows_of(points)
    (own,) = content(chunks_of_windows(fold(samples_of([points]), M5), (COUNTER,)))
    chunks = [counter_of(windows[k : k + 59]) for k in range(0, len(windows), 59)]
    assert [parts for _, _, parts in own] == [[(8, encoded(chunk))] for chunk in chunks]
    read = dict(read_counter(chunks))
    for k in range(0, 4_000, 97):
        for time, _ in (window[-1] for window in windows[k % 50 :: 50]):
            place = time // 60_000
            assert read[time] == points[0][1] + rise_of(numbers[:place].tolist())


@pytest.fixture(scope="module", params=[(), ("replica",)], ids=["single", "pairs"])
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, tuple[str, ...]]]:
    """Three days of a sample a minute, the first two of which are downsampled to 5 minutes."""
    now = [2 * DAY_MS]
    pairs: tuple[str, ...] = request.param
    policy = Policy(pairs=lambda tenant: PairRule(pairs), clock=lambda: now[0])
    points = [(60_000 * k, float(k)) for k in range(1, 3 * 24 * 60)]
    with opened(tmp_path_factory.mktemp("data"), policy=policy) as made:
        alone = series("alone", points)
        write(made, [alone, *(series("m", points, replica=r) for r in "ab")])
        seal(made)
        downsample(made, at_ms=2 * DAY_MS, **(SOON | {"downsampling_1h_after_ms": 99 * DAY_MS}))
        yield made, pairs


def ask(database: Database, name: str = "m", **asked: Any) -> Answer:
    source = QuerierSource(database, ReplicaDefaults(labels=("replica",)))
    handlers = SeriesHandlers(source, SeriesLimits(1 << 20, 1 << 30))
    body = series_request([("__name__", "=", name)], (0, 9 * DAY_MS), **asked)
    job = handlers.series(Call(Params.parse(""), ("t",), {}, body))
    assert isinstance(job, Job)
    return read_answer(map(bytes, job.run(Slot(10_000, 0.0, lambda: False))))


@pytest.mark.parametrize("without", [(), ("replica",)])
@pytest.mark.parametrize(
    "resolution_ms, aggregates", [(0, (1, 2)), (M5, ()), (M5, (0,)), (M5, (1, 2)), (H1, (3, 5))]
)
def test_what_is_sent(
    scene: tuple[Database, tuple[str, ...]],
    resolution_ms: int,
    aggregates: tuple[int, ...],
    without: tuple[str, ...],
) -> None:
    database, pairs = scene
    answer = ask(database, resolution_ms=resolution_ms, aggregates=aggregates, without=without)
    parts = {chunk.part for one in answer.series for chunk in one.chunks}
    is_coarse = bool(resolution_ms and set(aggregates) - {0}) and pairs in ((), without)
    if not is_coarse:
        assert parts == {"raw"}
        assert [len(one.points()) for one in answer.series] == [3 * 24 * 60 - 1] * 2
        return
    assert parts == {
        "raw",
        *({1: "count", 2: "sum", 3: "min", 5: "counter"}[a] for a in aggregates),
    }
    assert len(answer.series) == (1 if pairs else 2)
    for one in answer.series:
        raw = [chunk for chunk in one.chunks if chunk.part == "raw"]
        others = [chunk for chunk in one.chunks if chunk.part != "raw"]
        assert max(chunk.last_ms for chunk in others) < min(chunk.first_ms for chunk in raw)
        assert [c.first_ms for c in one.chunks] == sorted(c.first_ms for c in one.chunks)
        if "count" in parts:
            counted = sum(value for _, value in one.points("count"))
            assert counted + len(one.points()) == (3 * 24 * 60 - 1)


def test_series_without_replicas_are_coarse_for_everyone(
    scene: tuple[Database, tuple[str, ...]],
) -> None:
    (one,) = ask(scene[0], "alone", resolution_ms=M5, aggregates=(1, 2)).series
    assert {chunk.part for chunk in one.chunks} == {"raw", "count", "sum"}
    assert one.labels == (("__name__", "alone"),)
