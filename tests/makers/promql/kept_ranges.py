"""A database whose time goes on by itself, and range queries over it with and without a cache."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from api.answers.encoding import encode_result
from api.frontend.cache import ExtentCache
from api.frontend.metrics import FrontendMetrics
from api.frontend.options import CacheOptions
from api.frontend.ranges import Asked, RangeQueries, Turn
from api.frontend.texts import Texts
from api.promql.engine import Engine, Measured
from api.promql.errors import QueryError
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.vectors.value import Result
from storage.database import Database
from storage.dedup.algorithm import Algorithm
from storage.read.querier import StorageQuerier
from tests.makers.databases import series, write

START = 1_700_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
KEEP_ALL = CacheOptions(worthwhile_ms=0)


@dataclass
class Clock:
    now_ms: int = START

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Scene:
    """evaluated: the first and last time of each evaluation."""

    database: Database
    clock: Clock
    options: CacheOptions = KEEP_ALL
    replica_labels: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.AUTO
    tenant: str = "t"
    features: Features = Features(experimental_functions=True, extended_range_selectors=True)
    evaluated: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = Engine(EngineOptions(threads=1), self.features)
        self.registry = CollectorRegistry()
        metrics = FrontendMetrics(self.registry)
        self.cache = ExtentCache(self.options, metrics)
        self.ranges = RangeQueries(
            self.engine, self.cache, Texts(self.options, self.registry), metrics
        )
        self.meter = Measured()
        self.before_evaluation: Callable[[], None] = lambda: None

    def querier(self) -> StorageQuerier:
        labels = self.replica_labels
        return self.database.querier(
            self.tenant, replica_labels=labels, dedup=bool(labels), algorithm=self.algorithm
        )

    def cached(self, text: str, start_ms: int, end_ms: int, step_ms: int, **how: Any) -> Result:
        self.meter = Measured()
        asked = Asked(self.tenant, text, self.algorithm, start_ms, end_ms, step_ms, None)
        evaluate = partial(self._evaluate, replace(asked, **how), self.meter)
        turn = Turn(evaluate, time.monotonic() + 3_600, self.meter)
        return self.ranges.run(self.querier(), replace(asked, **how), turn)

    def plain(self, text: str, start_ms: int, end_ms: int, step_ms: int) -> Result:
        return self.engine.range_query(self.querier(), text, start_ms, end_ms, step_ms)

    def _evaluate(
        self, asked: Asked, meter: Measured, querier: Any, start_ms: int, end_ms: int, **more: Any
    ) -> Result:
        self.evaluated.append((start_ms, end_ms))
        self.before_evaluation()
        return self.engine.range_query(
            querier, asked.text, start_ms, end_ms, asked.step_ms, meter=meter, **more
        )

    def check(self, text: str, start_ms: int, end_ms: int, step_ms: int) -> int:
        """The answer is that without a cache, to the bit; returns how many steps were known."""
        asked = (text, start_ms, end_ms, step_ms)
        found, wanted = (answer(partial(way, *asked)) for way in (self.cached, self.plain))
        assert found == wanted, asked
        return self.meter.known_steps

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"cupola_query_cache_{name}", labels) or 0.0

    def write(self, *written: Any) -> None:
        write(self.database, list(written), tenant=self.tenant, arrival_ms=self.clock.now_ms)


def answer(query: Callable[[], Result]) -> bytes:
    """All that a client would see."""
    try:
        return b"".join(bytes(part) for part in encode_result(query()))
    except QueryError as error:
        return f"{type(error).__name__}: {error}".encode()


def counters(clock: Clock, choice: random.Random, count: int = 3) -> list[Any]:
    """A sample of each series of two replicas, a little apart, as scrapes give them."""
    t = clock.now_ms
    return [
        series(name, [(t - choice.randrange(3 * SECOND), factor * t % 1e6 + i / 3)], i=str(i), r=r)
        for r in "ab"
        for i in range(count)
        for name, factor in (("c_total", 0.001), ("m", 0.7))
        if choice.random() > 0.03
    ]
