"""What dedup promises, held against simulated replicas, and its wrapper around the algorithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from storage.dedup.algorithm import Algorithm, reach_ms
from storage.dedup.dedup import dedup
from storage.histograms.columns import (
    HINT_GAUGE,
    HINT_UNKNOWN,
    NO_HISTOGRAM,
    Bounds,
    Buckets,
    Histograms,
    Natives,
)
from storage.kernels.stale import STALE_NAN, is_stale
from storage.samples.merge import between, sort_rows, take_rows
from storage.samples.samples import Samples
from tests.makers.replicas.judge import (
    Output,
    falls,
    false_resets,
    open_holes,
    steps_back,
    unseen_falls,
    usable_gaps,
    was_sent,
)
from tests.makers.replicas.series import columns, line
from tests.makers.replicas.simulator import HOUR_MS, Faults, Scene, simulate

ORDINARY = Faults()
KINDS = {
    "ordinary": ORDINARY,
    "slow": Faults(slow=0.4),
    "lossy": Faults(missed=0.05, runs=0.01),
    "restarting": Faults(restarts=0.01),
    "changing interval": Faults(interval_changes=(30_000, 10_000)),
    "nothing wrong": Faults(missed=0, runs=0, restarts=0, slow=0),
}


@st.composite
def scenes(draw: st.DrawFn, *, gauges: bool = False, names: Sequence[str] = tuple(KINDS)) -> Scene:
    seed, name = draw(st.integers(0, 1 << 32)), draw(st.sampled_from(names))
    note(f"{name}, seed {seed}")
    return simulate(
        np.random.default_rng(seed),
        KINDS[name],
        replicas=draw(st.sampled_from([2, 2, 3])),
        gauge=gauges and draw(st.booleans()),
        interval_ms=draw(st.sampled_from([5_000, 15_000, 15_000, 30_000, 60_000])),
        length_ms=HOUR_MS // 2,
    )


def resets_are_apart(scene: Scene) -> bool:
    """Whether no reset comes so soon after another that samples cannot tell them apart."""
    longest_ms = max(interval_ms for _, interval_ms in scene.intervals)
    return bool((np.diff(scene.truth.resets_ms) > 5 * longest_ms).all())


def stored(scene: Scene) -> Samples:
    sent = [replica.times for replica in scene.replicas]
    offsets = np.cumsum([0] + [len(times) for times in sent]).astype(np.int64)
    values = np.concatenate([replica.values for replica in scene.replicas])
    return Samples(offsets, np.concatenate(sent), values)


def group(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([0, samples.series_count])


def output(scene: Scene, algorithm: Algorithm = Algorithm.AUTO, *, gauge: bool = False) -> Output:
    samples = stored(scene)
    found = dedup(samples, group(samples), algorithm, gauges=np.array([gauge]), provenance=True)
    assert found.sources is not None
    return Output(found.samples.timestamps, found.samples.values, found.sources.astype(np.int64))


@settings(max_examples=120, derandomize=True)
@given(scenes(gauges=True), st.sampled_from([Algorithm.AUTO, Algorithm.CHAIN]))
def test_output_is_what_replicas_sent_in_increasing_time(scene: Scene, how: Algorithm) -> None:
    found = output(scene, how)
    assert (np.diff(found.times) > 0).all()
    assert was_sent(scene, found)


@settings(max_examples=200, derandomize=True)
@given(scenes(gauges=True))
def test_no_fall_that_no_replica_saw(scene: Scene) -> None:
    assert not unseen_falls(scene, output(scene))


@settings(max_examples=200, derandomize=True)
@given(scenes())
def test_no_reset_of_a_counter_that_did_not_happen(scene: Scene) -> None:
    found = output(scene)
    assert not false_resets(scene, found)
    assert not steps_back(scene, found)
    assert len(falls(found)) <= len(scene.truth.resets_ms)


@settings(max_examples=200, derandomize=True)
@given(scenes())
def test_no_hole_that_a_replica_could_fill(scene: Scene) -> None:
    assume(resets_are_apart(scene))
    assert not open_holes(scene, output(scene))


@settings(max_examples=60, derandomize=True)
@given(scenes(gauges=True))
def test_a_known_gauge_has_no_hole_at_all(scene: Scene) -> None:
    assert not usable_gaps(scene, output(scene, gauge=True))


@settings(max_examples=100, derandomize=True)
@given(scenes(names=["ordinary", "slow", "nothing wrong"], gauges=True))
def test_not_denser_than_one_replica(scene: Scene) -> None:
    found = output(scene)
    ((_, interval_ms),) = scene.intervals
    complete = (found.times[-1] - found.times[0]) / interval_ms + 1
    switches = np.count_nonzero(np.diff(found.sources))
    assert len(found.times) <= complete + 1 + switches


@settings(max_examples=100, derandomize=True)
@given(scenes(names=["nothing wrong"]))
def test_count_of_complete_replicas_is_that_of_one(scene: Scene) -> None:
    found = output(scene)
    switches = np.count_nonzero(np.diff(found.sources))
    assert abs(len(found.times) - len(scene.replicas[0].times)) <= switches


@settings(max_examples=150, derandomize=True)
@given(scenes(gauges=True), st.integers(0, HOUR_MS // 2), st.integers(0, HOUR_MS // 2))
def test_a_part_is_the_part_of_the_whole(scene: Scene, one: int, other: int) -> None:
    low, high = sorted((one, other))
    samples = stored(scene)
    reach = reach_ms(Algorithm.AUTO, samples.series_count)
    part = between(samples, low - reach, high + reach)
    from_part = between(dedup(part, group(part)).samples, low, high)
    from_whole = between(dedup(samples, group(samples)).samples, low, high)
    assert np.array_equal(from_part.timestamps, from_whole.timestamps)
    assert np.array_equal(from_part.values, from_whole.values)


@settings(max_examples=50, derandomize=True)
@given(scenes(), st.randoms(use_true_random=False))
def test_order_of_arrival_changes_nothing(scene: Scene, random: object) -> None:
    samples = stored(scene)
    rows = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    order = np.arange(len(samples))
    random.shuffle(order)  # type: ignore[attr-defined]
    times, values = samples.timestamps[order], samples.values[order]
    offsets, back = sort_rows(rows[order], times, samples.series_count)
    arrived = Samples(offsets, times[back], values[back])
    expected, found = (dedup(s, group(s)).samples for s in (samples, arrived))
    assert np.array_equal(expected.timestamps, found.timestamps)
    assert np.array_equal(expected.values, found.values)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_groups_do_not_mix(algorithm: Algorithm) -> None:
    rng = np.random.default_rng(7)
    made = [simulate(rng, ORDINARY, replicas=n, length_ms=HOUR_MS // 4) for n in (2, 1, 3)]
    parts = [stored(scene) for scene in made]
    together = Samples(
        np.concatenate([[0], *(np.diff(p.offsets) for p in parts)]).cumsum(),
        np.concatenate([p.timestamps for p in parts]),
        np.concatenate([p.values for p in parts]),
    )
    found = dedup(together, np.array([0, 2, 3, 6]), algorithm, counter=True, provenance=True)
    assert found.sources is not None
    for g, part in enumerate(parts):
        alone = dedup(part, group(part), algorithm, counter=True, provenance=True)
        mine = take_rows(found.samples, np.array([g]))
        start, end = found.samples.offsets[g : g + 2]
        assert np.array_equal(mine.timestamps, alone.samples.timestamps)
        assert np.array_equal(mine.values, alone.samples.values)
        assert alone.sources is not None
        assert np.array_equal(found.sources[start:end], alone.sources)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_nothing_of_nothing(algorithm: Algorithm) -> None:
    none = columns([])
    assert dedup(none, np.array([0]), algorithm).samples.series_count == 0
    empty = columns([[], []])
    assert len(dedup(empty, np.array([0, 2]), algorithm, counter=True).samples) == 0


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_span_is_cut_out(algorithm: Algorithm) -> None:
    rng = np.random.default_rng(8)
    scenes = [simulate(rng, ORDINARY, replicas=2, length_ms=HOUR_MS // 4) for _ in range(3)]
    parts = [stored(scene) for scene in scenes]
    samples = Samples(
        np.concatenate([[0], *(np.diff(p.offsets) for p in parts)]).cumsum(),
        np.concatenate([p.timestamps for p in parts]),
        np.concatenate([p.values for p in parts]),
    )
    members = np.array([0, 2, 4, 6])
    for span in ((200_000, 500_000), (-HOUR_MS, HOUR_MS), (HOUR_MS, HOUR_MS)):
        whole = dedup(samples, members, algorithm, counter=True).samples
        part = dedup(samples, members, algorithm, counter=True, provenance=True, span=span)
        expected = between(whole, *span)
        assert part.sources is not None
        assert len(part.sources) == len(part.samples)
        for column in ("offsets", "timestamps", "values"):
            assert np.array_equal(getattr(part.samples, column), getattr(expected, column))


def histogram_series(series: Sequence[Sequence[tuple[int, float]]], hint: int) -> Samples:
    """(timestamp, count) of each histogram; its row is its number, its sum falls all the time."""
    flat = [sample for one in series for sample in one]
    n = len(flat)
    zeros, none = np.zeros(n), np.zeros(n + 1, np.int64)
    sums = -np.arange(n, dtype=np.float64)
    buckets = Buckets(none, np.zeros(0, np.int32), np.zeros(0))
    found = Histograms(
        np.zeros(n, np.int8), np.full(n, hint, np.int8), np.array([c for _, c in flat]), sums,
        zeros, zeros, buckets, buckets, Bounds(none, np.zeros(0)),
    )  # fmt: skip
    offsets = np.cumsum([0] + [len(one) for one in series])
    times = np.array([t * 1_000 for t, _ in flat])
    rows = np.arange(n, dtype=np.int32)
    return Samples(offsets, times, sums, times - 500, Natives(found, rows))


PREFERRED = [(0, 100.0), (15, 110.0), (30, 120.0), (75, 150.0)]


@pytest.mark.parametrize(
    ("hint", "other", "taken"),
    [
        (HINT_UNKNOWN, [(24, 115.0), (39, 128.0), (54, 136.0), (69, 146.0)], [39, 54]),
        (HINT_UNKNOWN, [(24, 115.0), (39, 119.0), (54, 136.0), (69, 146.0)], [54]),
        (HINT_UNKNOWN, [(24, 115.0), (39, 128.0), (54, 151.0), (69, 152.0)], [39]),
        (HINT_GAUGE, [(24, 115.0), (39, 119.0), (54, 151.0), (69, 146.0)], [39, 54]),
    ],
)
def test_histograms_fall_by_their_count(
    hint: int, other: list[tuple[int, float]], taken: list[int]
) -> None:
    samples = histogram_series([PREFERRED, other], hint)
    found = dedup(samples, np.array([0, 2])).samples
    times = sorted([t for t, _ in PREFERRED] + taken)
    assert (found.timestamps // 1_000).tolist() == times
    assert found.natives is not None and samples.natives is not None
    assert found.starts is not None
    assert found.natives.histograms is samples.natives.histograms
    assert np.array_equal(samples.timestamps[found.natives.rows], found.timestamps)
    assert np.array_equal(found.values, -found.natives.rows.astype(np.float64))
    assert np.array_equal(found.starts, found.timestamps - 500)


def test_penalty_raises_floats_but_no_histograms() -> None:
    late = [(t + 7, count - 60) for t, count in PREFERRED]
    histograms = histogram_series([PREFERRED, late], HINT_UNKNOWN)
    natives = histograms.natives
    assert natives is not None
    by_count = Samples(histograms.offsets, histograms.timestamps, natives.histograms.counts)
    raised = dedup(by_count, np.array([0, 2]), Algorithm.PENALTY, counter=True).samples
    kept = dedup(histograms, np.array([0, 2]), Algorithm.PENALTY, counter=True).samples
    assert kept.natives is not None
    assert np.array_equal(kept.timestamps, raised.timestamps)
    assert np.array_equal(kept.values, -kept.natives.rows.astype(np.float64))
    assert not np.array_equal(by_count.values[kept.natives.rows], raised.values)
    mixed = Samples(
        histograms.offsets, histograms.timestamps, by_count.values,
        natives=Natives(natives.histograms, np.full(len(histograms), NO_HISTOGRAM, np.int32)),
    )  # fmt: skip
    floats = dedup(mixed, np.array([0, 2]), Algorithm.PENALTY, counter=True).samples
    assert np.array_equal(floats.values, raised.values)


def test_a_stale_histogram_ends_the_series_if_no_other_goes_on() -> None:
    samples = histogram_series([[(0, 1.0), (15, 2.0)], [(4, 1.0), (19, 2.0)]], HINT_UNKNOWN)
    values = samples.values.copy()
    values[[1, 3]] = STALE_NAN
    ended = Samples(samples.offsets, samples.timestamps, values, natives=samples.natives)
    found = dedup(ended, np.array([0, 2])).samples
    assert (found.timestamps // 1_000).tolist() == [0, 19]
    assert is_stale(found.values).tolist() == [False, True]


def test_provenance_only_if_asked() -> None:
    assert dedup(columns([[line(0)]]), np.array([0, 1])).sources is None
