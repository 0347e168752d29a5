"""What a panel over a day costs that is refreshed every ten seconds, with and without what is kept.

    python load-tests/history/refreshed_panel.py [--series=1000] [--refreshes=360] [--step=60]

A database in a directory of its own gets a day of scrapes and seals all but the last hour. Then
time goes on by ten seconds at a time, with a scrape whenever one is due, and each query is asked
for the day up to now. Costs are processor seconds of the process; every tenth answer is also
computed anew, and compared.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import snappy

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from bodies import sample_rows, series_labels, series_prefix
from prometheus_client import CollectorRegistry
from report import number, table, target, target_table

from api.answers.encoding import encode_result
from api.frontend.options import CacheOptions
from api.frontend.ranges import Asked, Turn, kept_ranges
from api.promql.engine import Engine, Measured
from api.promql.options import EngineOptions
from api.promql.queryable import Queryable
from api.promql.vectors.value import Result
from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY
from storage.database import Database, Policy
from storage.options import StorageOptions

INTERVAL_MS, REFRESH_MS, DAY_MS = 15_000, 10_000, 86_400_000
HEAD_MS = 3_600_000  # what is not sealed yet, as in a server
START_MS = 1_700_006_400_000
TENANT = "edge"
QUERIES = (
    "sum by (mode) (rate(node_cpu_seconds_total[5m]))",
    'rate(node_cpu_seconds_total{mode="idle",cpu="0"}[5m])',
    'max_over_time(node_cpu_seconds_total{cpu="1",mode="user"}[1h:5m])',
)
COMPARED_EVERY = 10
TARGET = 0.05


@dataclass
class Scene:
    """A database, and the clock that its scrapes go by."""

    database: Database
    decoder: WriteDecoder
    series: int
    now_ms: int = START_MS
    values: np.ndarray = field(init=False)
    prefixes: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.values = np.arange(self.series) * 1e4
        self.prefixes = [series_prefix(series_labels(i)) for i in range(self.series)]
        self._rng = np.random.default_rng(1)

    def scrape(self, at_ms: int) -> None:
        self.values += np.round(self._rng.random(self.series), 2)
        rows = sample_rows(np.full(self.series, at_ms), self.values)
        body = b"".join(
            part for pair in zip(self.prefixes, map(bytes, rows), strict=True) for part in pair
        )
        batch = self.decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, snappy.compress(body))
        asyncio.run(self.database.append(TENANT, batch, at_ms))

    def go_on(self, to_ms: int) -> None:
        first = self.now_ms // INTERVAL_MS * INTERVAL_MS + INTERVAL_MS
        for at_ms in range(first, to_ms + 1, INTERVAL_MS):
            self.scrape(at_ms)
        self.now_ms = to_ms


class Panel:
    """One query over the day up to now."""

    def __init__(self, scene: Scene, engine: Engine, text: str, step_ms: int) -> None:
        self._scene, self._engine, self._text, self._step_ms = scene, engine, text, step_ms
        options = replace(CacheOptions(), bytes_max=1 << 30)
        self._ranges = kept_ranges(engine, options, CollectorRegistry())

    def refresh(self, *, may_keep: bool) -> Result:
        end_ms = self._scene.now_ms // self._step_ms * self._step_ms
        meter = Measured()
        asked = Asked(
            TENANT, self._text, (), end_ms - DAY_MS, end_ms, self._step_ms, None, may_keep
        )
        querier = self._scene.database.querier(TENANT, replica_labels=(), dedup=False)
        turn = Turn(self._evaluate, time.monotonic() + 600, meter)
        return self._ranges.run(querier, asked, turn)

    def _evaluate(
        self, querier: Queryable, start_ms: int, end_ms: int, /, *, timeout_ms: int
    ) -> Result:
        return self._engine.range_query(
            querier, self._text, start_ms, end_ms, self._step_ms, timeout_ms=timeout_ms
        )


def seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def encoded(result: Result) -> tuple[float, bytes]:
    started = time.process_time()
    text = b"".join(map(bytes, encode_result(result)))
    return time.process_time() - started, text


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds of one query: a refresh computed anew and out of what is kept, and writing
    the answer of that many bytes."""

    text: str
    anew: float
    kept: float
    writing: float
    size: int

    @property
    def share(self) -> float:
        return self.kept / self.anew


def measure(scene: Scene, engine: Engine, text: str, options: argparse.Namespace) -> Cost:
    panel = Panel(scene, engine, text, options.step * 1000)
    for may_keep in (False, True):
        panel.refresh(may_keep=may_keep)
    kept: list[float] = []
    anew: list[float] = []
    writing: list[float] = []
    size = 0
    for refresh in range(options.refreshes):
        scene.go_on(scene.now_ms + REFRESH_MS)
        took, result = seconds(lambda: panel.refresh(may_keep=True))
        kept.append(took)
        if refresh % COMPARED_EVERY:
            continue
        took, wanted = seconds(lambda: panel.refresh(may_keep=False))
        anew.append(took)
        took, body = encoded(result)
        writing.append(took)
        size = len(body)
        if body != encoded(wanted)[1]:
            raise SystemExit(f"{text}: answers differ")
    means = [float(np.mean(each)) for each in (anew, kept, writing)]
    return Cost(text, *means, size)


def measure_all(options: argparse.Namespace) -> list[Cost]:
    """The costs of each query, over a database of their own."""
    decoder = WriteDecoder()
    with tempfile.TemporaryDirectory() as directory:
        storage = replace(
            StorageOptions(), path=str(Path(directory)), retention_ms=0, shards=1,
            compaction_enabled=False,
        )  # fmt: skip
        clock = [START_MS]
        database = Database.open(
            storage, decoder.decode, CollectorRegistry(), Policy(clock=lambda: clock[0])
        )
        scene = Scene(database, decoder, options.series)
        scene.go_on(START_MS + DAY_MS - HEAD_MS)
        (writer,) = database._writers
        writer.seal().result()
        scene.go_on(START_MS + DAY_MS)
        engine = Engine(EngineOptions())
        try:
            return [measure(scene, engine, text, options) for text in QUERIES]
        finally:
            engine.close()
            database.close()


def lines_of(costs: Sequence[Cost], series: int) -> list[str]:
    rows = [
        [
            f"`{cost.text}`",
            number(cost.anew * 1000),
            number(cost.kept * 1000),
            f"{cost.share:.1%}",
            number(cost.writing * 1000),
        ]
        for cost in costs
    ]
    header = [f"a day of {series} series, refreshed every 10 s", "anew ms", "kept ms", "share"]
    wanted = target("refreshed panel against one computed anew", worst(costs), TARGET, unit="x")
    return [*table([*header, "JSON ms, both"], rows), *target_table([wanted])]


def worst(costs: Sequence[Cost]) -> float | None:
    return max((cost.share for cost in costs), default=None)


def report_lines(*, quick: bool) -> list[str]:
    """What the benchmark says of it."""
    options = parser().parse_args(["--series=200", "--refreshes=40"] if quick else [])
    return lines_of(measure_all(options), options.series)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--series", type=int, default=1_000)
    made.add_argument("--refreshes", type=int, default=360)
    made.add_argument("--step", type=int, default=60, help="seconds")
    return made


def main() -> None:
    options = parser().parse_args()
    sys.stdout.write("\n".join(lines_of(measure_all(options), options.series)) + "\n")


if __name__ == "__main__":
    main()
