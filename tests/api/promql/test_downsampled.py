"""Queries over stored series that were downsampled: as over all their samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.promql.engine import Engine, Measured
from api.promql.features import ALL_FEATURES
from api.promql.options import EngineOptions
from api.promql.queryable import resolutions_of
from api.promql.vectors.value import Result, Vector
from storage.database import Database
from storage.dedup.algorithm import PairRule
from storage.downsampling.aggregates import RESOLUTION_1H_MS as H1
from storage.downsampling.aggregates import RESOLUTION_5M_MS as M5
from storage.labels.matchers import Matcher
from storage.options import DAY_MS, MINUTE_MS
from storage.policy import Policy
from storage.samples.hint import SelectHint
from tests.makers.databases import opened, seal, series, write
from tests.makers.downsampling.databases import downsample
from tests.makers.real_api import RealApi, run_real_api

REPLICAS = ("replica",)
SOON = {"downsampling_5m_after_ms": 0, "downsampling_1h_after_ms": 0}
# What is read at a step of an hour, by what is asked for; auto is a fifth of it.
READS = {"0s": None, "5m": ["5m"], "1h": ["1h"], "auto": ["5m"]}
DAYS = 6
# Hours from the third day on are not downsampled to 5 minutes, and the last day not at all.
HOURLY_UNTIL, FINE_UNTIL, END = 3 * DAY_MS, 5 * DAY_MS, DAYS * DAY_MS
NOW = [END]
POLICY = Policy(pairs=lambda tenant: PairRule(REPLICAS), clock=lambda: NOW[0])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(threads=1), ALL_FEATURES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A sample every two minutes of a counter with resets, a gauge that has holes, and of a pair,
    whose replicas miss some each."""
    rng = np.random.default_rng(3)
    times = np.arange(5_000, END, 2 * MINUTE_MS)
    counter = np.cumsum(rng.integers(0, 9, len(times))).astype(float)
    for reset in (300, 303, 2_000, 3_500):
        counter[reset:] -= counter[reset]
    gauge = rng.integers(-50, 50, len(times)).astype(float)
    there = np.ones(len(times), np.bool_)
    there[700:900] = there[2_900:2_950] = False
    pair = times // 1_000.0
    with opened(tmp_path_factory.mktemp("downsampled"), policy=POLICY) as made:
        write(made, [
            series("c_total", list(zip(times.tolist(), counter.tolist(), strict=True))),
            series("g", list(zip(times[there].tolist(), gauge[there].tolist(), strict=True))),
            *(
                series(
                    "p_total",
                    list(zip((times[::2] + k * 7_000).tolist(), pair[::2].tolist(), strict=True)),
                    replica=str(k),
                )
                for k in range(2)
            ),
        ])  # fmt: skip
        seal(made)
        downsample(made, at_ms=HOURLY_UNTIL, **SOON)
        downsample(made, at_ms=FINE_UNTIL, **(SOON | {"downsampling_1h_after_ms": 9 * DAY_MS}))
        yield made


def ask(
    engine: Engine, database: Database, text: str, resolution_ms: int, step_ms: int = H1
) -> tuple[Result, set[int]]:
    """The result, and the resolutions that were read."""
    meter = Measured()
    querier = database.querier("t", replica_labels=REPLICAS, dedup=True)
    result = engine.range_query(
        querier, text, DAY_MS, END, step_ms, resolution_ms=resolution_ms, meter=meter
    )
    assert meter.evaluator is not None
    read = {each for one in meter.evaluator.selections for each in resolutions_of(one)}
    return result, read


def table(result: Result) -> dict[str, list[float]]:
    value = result.value
    assert isinstance(value, Vector)
    cells = np.where(value.present, value.values, -1e300)
    return {str(value.labels.labelset(i)): cells[i].tolist() for i in range(value.labels.rows)}


@pytest.mark.parametrize(
    "text",
    [
        "rate(c_total[4h])",
        "increase(c_total[1d])",
        "increase(p_total[4h])",
        "resets(c_total[12h])",
        "delta(g[6h])",
        "min_over_time(g[4h]) + max_over_time(g[4h])",
        "avg_over_time(g[4h])",
        "sum_over_time(g[5h]) / count_over_time(g[5h])",
        "count_over_time(p_total[4h])",
        "absent_over_time(g[4h])",
        "g",
        "sum(p_total)",
        "last_over_time(c_total[4h])",
        "timestamp(c_total)",
    ],
)
@pytest.mark.parametrize("resolution_ms", [M5, H1])
def test_whole_windows_are_answered_as_from_all_samples_across_seams(
    engine: Engine, database: Database, text: str, resolution_ms: int
) -> None:
    expected, read = ask(engine, database, text, 0)
    assert read == {0}
    found, read = ask(engine, database, text, resolution_ms)
    assert read == ({0, M5, H1} if resolution_ms == H1 else {0, M5})
    wanted = table(expected)
    assert any(cell != -1e300 for row in wanted.values() for cell in row)
    assert table(found) == {name: pytest.approx(row) for name, row in wanted.items()}
    assert found.warnings == expected.warnings == ()


def test_what_needs_all_samples_gets_them_where_they_are(
    engine: Engine, database: Database
) -> None:
    found, read = ask(
        engine, database, "quantile_over_time(0.5, g[4h]) + stddev_over_time(g[4h])", H1
    )
    assert read == {0} and found.warnings == ()


def test_replicas_that_are_looked_at_are_read_as_they_came(
    engine: Engine, database: Database
) -> None:
    _, read = ask(engine, database, "increase(p_total{replica='1'}[4h])", H1)
    assert read == {0}
    apart = database.querier("t", replica_labels=REPLICAS, dedup=False)
    assert not apart.has_aggregates
    other = database.querier("t", replica_labels=("pod",), dedup=True)
    assert not other.has_aggregates


def test_late_samples_are_seen_at_once(engine: Engine, tmp_path: Path) -> None:
    """What covers their time is not asked until it has them."""
    minutes = [(t * MINUTE_MS, 1.0) for t in range(1, 48 * 60)]
    with opened(tmp_path, policy=Policy(clock=lambda: 2 * DAY_MS)) as database:
        write(database, [series("g", minutes)])
        seal(database)
        downsample(
            database, at_ms=2 * DAY_MS, downsampling_5m_after_ms=0, downsampling_1h_after_ms=0
        )

        def count() -> tuple[float, set[int]]:
            meter = Measured()
            result = engine.instant_query(
                database.querier("t", replica_labels=(), dedup=True),
                "count_over_time(g[5h])", 24 * H1, resolution_ms=H1, meter=meter,
            )  # fmt: skip
            assert meter.evaluator is not None
            (selection,) = meter.evaluator.selections
            return next(iter(table(result).values()))[0], set(resolutions_of(selection))

        assert count() == (300.0, {H1})
        write(database, [series("g", [(20 * H1 + 5, 7.0)])])
        assert count() == (301.0, {0})
        seal(database)
        assert count() == (301.0, {0})


def test_what_raw_has_lost_is_answered_by_what_is_left(engine: Engine, tmp_path: Path) -> None:
    """A retention in the middle of an hour; what is older is there in hours."""
    now = [0]
    policy = Policy(clock=lambda: now[0])
    minutes = [(t * MINUTE_MS - 20_000, float(t)) for t in range(1, 3 * 24 * 60 + 1)]
    with opened(
        tmp_path, policy=policy, retention_ms=30 * H1 + 5_000, creation_grace_period_ms=1 << 40
    ) as database:
        write(database, [series("c_total", minutes)])
        seal(database)
        downsample(
            database, at_ms=3 * DAY_MS, downsampling_5m_after_ms=0, downsampling_1h_after_ms=0
        )
        now[0] = 3 * DAY_MS
        querier = database.querier("t", replica_labels=(), dedup=True)

        def increase(range_ms: int, step_ms: int) -> Result:
            text = f"increase(c_total[{range_ms}ms])"
            return engine.range_query(querier, text, DAY_MS, 3 * DAY_MS, step_ms)

        listed = querier.series([], 0, DAY_MS)
        assert [listed.labelset(row) for row in range(listed.rows)] == [{"__name__": "c_total"}]
        assert querier.series([], -9, -5).rows == 0
        whole = increase(6 * H1, H1)
        assert list(table(whole).values()) == [[pytest.approx(360.0)] * 49]
        assert whole.warnings == ()
        part = increase(10 * MINUTE_MS, 10 * MINUTE_MS)
        assert list(table(part).values()) == [pytest.approx([10.0] * 289)]
        (warning,) = part.warnings
        assert "increase() over less than 20m is estimated" in warning


def test_over_http(tmp_path: Path) -> None:
    """A week of samples a minute, downsampled, asked for in hours: as all samples answer."""
    end = 7 * DAY_MS
    values = [(t * MINUTE_MS + 9_000, float(t % 3_000)) for t in range(end // MINUTE_MS)]
    with opened(tmp_path, policy=Policy(clock=lambda: end)) as made:
        write(made, [series("c_total", values, i="1"), series("c_total", values, i="2")])
        seal(made)
        downsample(made, at_ms=end, **SOON)

    async def scenario(api: RealApi) -> None:
        times = {"start": str(DAY_MS // 1_000), "end": str(end // 1_000), "step": "1h"}
        for query in ("sum(rate(c_total[4h]))", "c_total", "avg_over_time(c_total[1d])"):
            answers = []
            for resolution, read in READS.items():
                _, data = await api.get(
                    "query_range",
                    query=query,
                    stats="true",
                    **times,
                    max_source_resolution=resolution,
                )
                assert data["stats"].get("resolutions") == read, (query, resolution)
                answers.append(numbers(data["result"]))
            assert len(answers[0]) >= 145
            assert all(found == pytest.approx(answers[0]) for found in answers[1:])
        _, data = await api.get("query", query="rate(c_total[1d])", time=times["end"], stats="all")
        assert "resolutions" not in data["stats"] and len(data["result"]) == 2

    def numbers(result: list[dict[str, Any]]) -> dict[tuple[str, int], float]:
        return {
            (str(row["metric"]), time): float(value)
            for row in result
            for time, value in row["values"]
        }

    settings = {
        "shards": "1",
        "retention_5m": "0",
        "retention_1h": "0",
        "downsampling__enabled": "false",
    }
    run_real_api(
        tmp_path, scenario, **{f"storage__{name}": text for name, text in settings.items()}
    )


@pytest.mark.parametrize(("resolution_ms", "reached_ms"), [(0, 0), (H1, None)])
def test_what_reads_downsampled_data_may_change_by_any_late_sample(
    database: Database, resolution_ms: int, reached_ms: int | None
) -> None:
    querier = database.querier("t", replica_labels=REPLICAS, dedup=True)
    (watch,) = querier.watches()
    matchers = [Matcher("__name__", "=", "c_total")]
    querier.select(matchers, DAY_MS, END, SelectHint(resolution_ms=resolution_ms))
    assert watch.reached_ms() == reached_ms
