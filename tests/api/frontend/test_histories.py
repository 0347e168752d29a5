"""Whatever happens to a database: an answer out of what is kept is that without, to the bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from storage.database import Policy
from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from storage.shard.periods import PeriodRule, TenantPeriods
from tests.makers.compaction import compact
from tests.makers.databases import opened, seal, series, write_mixed
from tests.makers.histograms import Plain
from tests.makers.promql.kept_ranges import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    START,
    Clock,
    Scene,
    counters,
)

TEXTS = (
    "m", "-m", "sum(m)", "sum by (i) (rate(c_total[5m]))", "avg without (i) (m)", "topk(2, m)",
    "max_over_time(m[10m:1m])", "sum(sum by (i) (m))", "m offset 7m", "m offset -7m",
    f"m @ {START // 1000 - 600} + m", "m @ end()", "limitk(1, m)", 'count_values("v", m > 5e5)',
    'absent(m{i="0"})', "time() - timestamp(m)", "m and on (i) c_total", "m / on (i, r) c_total",
    'label_replace(m, "x", "$1", "i", "(.)")', '{__name__=~"m|c_total"}', "scalar(m{i='0'})",
    'rate({__name__=~"m|c_total"}[5m])', "rate(m[5m])", "histogram_quantile(0.9, rate(h[5m]))",
    "h", "sum(h) or m", "stddev(m) + quantile(0.3, c_total)", "sort_desc(m)",
    "rate(m[5m] smoothed)", "avg_over_time(sum(m)[5m:30s])", "m[1m]", "m +",
    "changes(m[3m]) > bool 2",
)  # fmt: skip


def histogram(t: int, choice: random.Random) -> Plain:
    count = float(t // 1000 % 100_000)
    buckets = [(k, count / 4) for k in range(choice.choice([2, 4]))]
    total = sum(each for _, each in buckets)
    return Plain(
        count=total, sum_bits=0, schema=0, zero_threshold=0.0, zero_count=0.0, negative=[],
        positive=buckets, hint=0, bounds=[],
    )  # fmt: skip


def happen(scene: Scene, choice: random.Random) -> None:
    """Time goes on by a scrape, and now and then something else happens."""
    clock, database = scene.clock, scene.database
    clock.now_ms += 15 * SECOND
    scene.write(*counters(clock, choice))
    what = choice.randrange(24)
    back = choice.choice([20 * SECOND, 5 * MINUTE, HOUR, 2 * DAY])
    late = clock.now_ms - choice.randrange(back)
    if what == 0:
        scene.write(series("m", [(late, choice.random())], i=choice.choice("0129"), r="a"))
    elif what == 1:
        labels = {"i": choice.choice("012"), "r": choice.choice("abc")}
        scene.write(series("c_total", [(late, 7.0), (late + 1, 8.0)], **labels))
    elif what == 2:
        scene.write(series("m", [(clock.now_ms, float("nan"))], i="0", r="b"))
    elif what == 3:
        wish = ((Matcher("i", "=", choice.choice("012")),),)
        database.deletions.delete_series("t", wish, late - 5 * MINUTE, late)
    elif what == 4:
        seal(database)
    elif what == 5:
        compact(database)
    elif what == 6:
        database.deletions.clean("t")
    elif what < 12:
        labels = {"__name__": "h", "i": choice.choice("01"), "r": "a"}
        t = choice.choice([clock.now_ms, late])
        write_mixed(database, [(labels, [(t, histogram(t, choice), 0)])], tenant="t")


def play(scene: Scene, seed: int, texts: tuple[str, ...]) -> int:
    """Steps that were known, over a panel of each text that goes on with time."""
    choice, known = random.Random(seed), 0
    for _ in range(70):
        happen(scene, choice)
    for _ in range(45):
        happen(scene, choice)
        text, step_ms = choice.choice(texts), choice.choice([30 * SECOND, MINUTE])
        end_ms = scene.clock.now_ms - choice.choice([0, 0, 0, 1, 10 * MINUTE])
        if choice.random() < 0.8:
            end_ms -= end_ms % step_ms
        length_ms = choice.choice([10, 20, 20, 20]) * MINUTE
        known += scene.check(text, end_ms - length_ms, end_ms, step_ms)
        if choice.random() < 0.2:  # the same again, with nothing in between
            known += scene.check(text, end_ms - length_ms, end_ms, step_ms)
    return known


@pytest.mark.parametrize("algorithm", [None, *Algorithm])
@pytest.mark.parametrize("seed", range(3))
def test_kept_answers_are_those_of_now(
    tmp_path: Path, seed: int, algorithm: Algorithm | None
) -> None:
    clock = Clock()
    how: dict[str, Any] = {}
    if algorithm is not None:
        how = {"replica_labels": ("r",), "algorithm": algorithm}
    choice = random.Random(seed)
    with opened(tmp_path, policy=Policy(clock=clock)) as database:
        scene = Scene(database, clock, **how)
        known = play(scene, seed, tuple(choice.sample(TEXTS, 6)))
        assert (known > 0) == (algorithm is not Algorithm.PENALTY)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_not_kept_any_more_leaves_the_answer(tmp_path: Path, seed: int) -> None:
    """Samples go by the millisecond, those that a rule selects before the others."""
    clock = Clock()
    rules = (PeriodRule((Matcher("i", "=", "1"),), 12 * MINUTE),)
    periods = TenantPeriods(18 * MINUTE, rules=rules)
    policy = Policy(clock=clock, periods=lambda tenant: periods)
    with opened(tmp_path, policy=policy) as database:
        scene = Scene(database, clock)
        assert play(scene, seed, ("m", "sum(rate(c_total[2m]))")) > 0
