"""Which steps of a range query are computed, and what makes kept ones go."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from api.frontend.options import CacheOptions
from api.frontend.ranges import runs_of
from api.promql.features import Features
from storage.catalog.metadata import GAUGE
from storage.database import Policy
from storage.labels.matchers import Matcher
from tests.makers.databases import opened, seal, series
from tests.makers.metadata import raw_metadata
from tests.makers.promql.kept_ranges import KEEP_ALL, MINUTE, SECOND, START, Clock, Scene

STEP = MINUTE
LENGTH = 60 * MINUTE
STEPS = 61


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Two hours of samples of three series, and a clock at their end."""
    clock = Clock(START - START % STEP + 2 * LENGTH)
    with opened(tmp_path, policy=Policy(clock=clock)) as database:
        scene = Scene(database, clock)
        first = clock.now_ms - 2 * LENGTH
        times = range(first, clock.now_ms + 1, 15 * SECOND)
        for i in range(3):
            points = [(t, float(t % 1_000_003) / (i + 3)) for t in times]
            scene.write(series("m", points, i=str(i)))
        yield scene


def known(scene: Scene, text: str = "m", *, back_ms: int = 0, length_ms: int = LENGTH) -> int:
    end_ms = scene.clock.now_ms - back_ms
    return scene.check(text, end_ms - length_ms, end_ms, STEP)


def scrape(scene: Scene, **labels: str) -> None:
    """Time goes on by a step, with a sample of a series."""
    scene.clock.now_ms += STEP
    scene.write(series("m", [(scene.clock.now_ms, 1.0)], **(labels or {"i": "0"})))


def test_the_same_query_again_computes_nothing(scene: Scene) -> None:
    assert known(scene) == 0
    evaluated = len(scene.evaluated)
    assert known(scene) == STEPS
    assert len(scene.evaluated) == evaluated
    assert (scene.count("queries_total", outcome="miss"), scene.count("entries")) == (1, 1)
    assert scene.count("queries_total", outcome="hit") == 1
    assert scene.count("steps_total", source="cache") == STEPS


def test_a_panel_that_is_refreshed_computes_its_new_end(scene: Scene) -> None:
    known(scene)
    for _ in range(5):
        scrape(scene)
        assert known(scene) >= STEPS - 3
        assert scene.evaluated[-1][0] >= scene.clock.now_ms - 2 * STEP
    assert scene.count("queries_total", outcome="partial") == 5


def test_a_part_and_more_of_it(scene: Scene) -> None:
    known(scene, back_ms=10 * MINUTE, length_ms=40 * MINUTE)
    assert known(scene, back_ms=20 * MINUTE, length_ms=20 * MINUTE) == 21
    assert known(scene) == 41
    starts = [start for start, _ in scene.evaluated[-2:]]
    assert starts == [scene.clock.now_ms - LENGTH, scene.clock.now_ms - 9 * MINUTE]
    assert known(scene) == STEPS


def test_other_grids_share_nothing(scene: Scene) -> None:
    known(scene)
    end_ms = scene.clock.now_ms
    assert scene.check("m", end_ms - LENGTH - SECOND, end_ms, STEP) == 0
    assert scene.check("m", end_ms - LENGTH, end_ms, 2 * STEP) == 0
    assert scene.check("m ", end_ms - LENGTH, end_ms, STEP) == 0
    assert scene.check("m", end_ms - LENGTH - STEP, end_ms - SECOND, STEP) == STEPS - 1


def late(scene: Scene, *, i: str = "0") -> None:
    scene.write(series("m", [(scene.clock.now_ms - 30 * MINUTE + 1, 5.0)], i=i))


def delete(scene: Scene) -> None:
    now = scene.clock.now_ms
    wish = ((Matcher("i", "=", "1"),),)
    scene.database.deletions.delete_series("t", wish, now - 31 * MINUTE, now - 30 * MINUTE)


@pytest.mark.parametrize(
    ("change", "least", "most", "reason"),
    [
        (late, STEPS - 8, STEPS - 5, "samples"),
        (lambda scene: late(scene, i="new"), STEPS - 8, STEPS - 5, "samples"),
        (delete, STEPS - 9, STEPS - 6, "deletion"),
        (lambda scene: seal(scene.database), STEPS, STEPS, None),
        (lambda scene: scrape(scene, job="x"), STEPS - 3, STEPS, None),
    ],
)
def test_what_changed_is_computed_again_and_nothing_else(
    scene: Scene, change: object, least: int, most: int, reason: str | None
) -> None:
    seal(scene.database)
    scene.write(series("m", [(scene.clock.now_ms, 1.0)], i="other"))
    known(scene)
    assert callable(change)
    change(scene)
    assert least <= known(scene) <= most
    if reason is not None:
        assert scene.count("invalidations_total", reason=reason) == 1
    assert known(scene) == STEPS


def test_segments_that_go_take_their_times_along(scene: Scene) -> None:
    seal(scene.database)
    known(scene)
    shard = scene.database._shards[0]
    shard.drop_segments({segment.ulid for segment in shard.view().segments})
    assert known(scene) == 0
    assert scene.count("invalidations_total", reason="segments") == 1


def test_a_new_replica_counts_where_it_may_be_chosen(scene: Scene) -> None:
    merged = replace(scene, replica_labels=("r",))
    assert known(merged, "sum(m)") == 0
    scrape(scene, i="0", r="b")
    assert known(merged, "sum(m)") == 0  # the order of what is added up may be another
    assert merged.count("invalidations_total", reason="series") == 1


def test_replicas_are_looked_at_around_a_step(scene: Scene) -> None:
    merged = replace(scene, replica_labels=("r",))
    now = scene.clock.now_ms
    points = [(t, 2.0) for t in range(now - 2 * LENGTH + 1, now, 15 * SECOND)]
    scene.write(series("m", points, i="0", r="b"))
    assert known(merged) == 0
    scrape(scene, i="0")
    assert STEPS - 14 < known(merged) < STEPS - 8  # ten minutes around decide
    lone = series("m", [(scene.clock.now_ms - 20 * MINUTE, 1.0)], i="7")
    scene.write(lone, series("m", lone[1], i="7", r="b"))
    known(merged)  # a group whose interval no one knows: to be sure, all of a day is looked at
    late(scene, i="1")
    steps = known(merged)
    assert 0 < steps < STEPS - 14
    assert known(merged) == STEPS


def test_what_is_said_of_metrics_counts_for_replicas(scene: Scene) -> None:
    merged = replace(scene, replica_labels=("r",))
    known(merged)
    shard = scene.database._shards[0]
    raw = raw_metadata([("m", GAUGE, "", "")])
    shard.metadata.add(1, raw, np.arange(1), scene.clock.now_ms)
    assert known(merged) == 0
    assert merged.count("invalidations_total", reason="rules") == 1


@pytest.mark.parametrize("text", ["m @ end()", "m[5m:1m] @ start()", "info(m)", "range() * m"])
def test_what_depends_on_the_range_is_not_kept(scene: Scene, text: str) -> None:
    known(scene, text)
    assert known(scene, text) == 0
    assert scene.count("entries") == 0


def test_names_that_go_at_the_end_are_of_the_range(scene: Scene) -> None:
    delayed = replace(scene, features=Features(delayed_name_removal=True))
    known(delayed)
    assert known(delayed) == 0


def test_equal_rows_of_a_range_are_not_kept(scene: Scene) -> None:
    """rate() refuses two series that lose their names, wherever in the range they are."""
    scene.write(series("n", [(scene.clock.now_ms - k, 1.0) for k in (2, 1)], i="0"))
    text = 'rate({__name__=~"m|n"}[1m])'
    for _ in range(2):
        assert known(scene, text, length_ms=LENGTH) == 0
        assert known(scene, text, back_ms=5 * MINUTE) == 0


def test_an_annotation_is_made_by_the_steps_of_an_answer(scene: Scene) -> None:
    text = "rate(m[5m])"
    known(scene, text)
    scrape(scene)
    assert known(scene, text) >= STEPS - 8  # the new end makes it, too
    assert known(scene, text) == STEPS
    assert known(scene, text, back_ms=STEP, length_ms=LENGTH - STEP) == 0


def test_a_change_while_the_rest_is_computed(scene: Scene) -> None:
    known(scene)
    scrape(scene)

    def change() -> None:
        scene.before_evaluation = lambda: None
        late(scene)

    scene.before_evaluation = change
    assert known(scene) == 0
    known(scene)  # whether it was in time is not known
    assert known(scene) == STEPS


def test_nothing_is_kept_if_that_is_asked_for_or_not_worthwhile(scene: Scene) -> None:
    end_ms = scene.clock.now_ms
    asked = ("m", end_ms - LENGTH, end_ms, STEP)
    scene.cached(*asked, may_keep=False)
    assert scene.count("queries_total", outcome="bypass") == 1
    for options in (replace(KEEP_ALL, bytes_max=0), CacheOptions(worthwhile_ms=1 << 40)):
        other = replace(scene, options=options)
        known(other)
        assert known(other) == 0
        assert not other.count("entries")


def test_a_short_look_does_not_drive_out_a_long_one(scene: Scene) -> None:
    known(scene)
    scrape(scene)
    known(scene, length_ms=5 * MINUTE)
    assert known(scene) >= STEPS - 4


def test_statistics_know_what_was_kept(scene: Scene) -> None:
    known(scene)
    scrape(scene)
    steps = known(scene)
    assert scene.meter.known_steps == steps
    (run,) = scene.meter.runs
    assert len(run[1].steps) == STEPS - steps


@pytest.mark.parametrize(
    ("valid", "ends_on_step", "runs"),
    [
        ("11111", True, []),
        ("00111", True, [(0, 2)]),
        ("11100", False, [(3, 5)]),
        ("11110", False, [(4, 5)]),
        ("11110", True, [(3, 5)]),
        ("11010", True, [(2, 5)]),
        ("01010", True, [(0, 1), (2, 5)]),
        ("10", True, [(0, 2)]),
    ],
)
def test_runs(valid: str, ends_on_step: bool, runs: list[tuple[int, int]]) -> None:
    assert runs_of(np.array([c == "1" for c in valid]), ends_on_step) == runs


def test_nan_and_absence_stay_apart(scene: Scene) -> None:
    scene.clock.now_ms += STEP
    scene.write(series("m", [(scene.clock.now_ms, math.nan)], i="0"))
    known(scene, "m != 3")
    scrape(scene, i="1")
    assert known(scene, "m != 3") > 0
