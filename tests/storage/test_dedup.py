"""What dedup promises, held against simulated replicas, and its wrapper around the algorithms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from storage.dedup import Algorithm, dedup, reach_ms
from storage.merge import between, from_rows, take_rows
from storage.samples import Samples
from tests.dedup_series import columns, line
from tests.replica_judge import (
    Output,
    falls,
    false_resets,
    open_holes,
    steps_back,
    unseen_falls,
    usable_gaps,
    was_sent,
)
from tests.replica_simulator import HOUR_MS, Faults, Scene, simulate

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
    arrived = from_rows(
        rows[order], samples.timestamps[order], samples.values[order], samples.series_count
    )
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


def test_provenance_only_if_asked() -> None:
    assert dedup(columns([[line(0)]]), np.array([0, 1])).sources is None
