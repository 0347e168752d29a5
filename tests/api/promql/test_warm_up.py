"""The queries that warm the kernels up are good queries, and stop when told to."""

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.warm_up import QUERIES, warm_up


def test_every_query_is_answered() -> None:
    engine = Engine(EngineOptions())
    warm_up(engine)
    engine.close()


def test_warming_up_ends_between_two_queries() -> None:
    engine = Engine(EngineOptions())
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    warm_up(engine, stopped)
    engine.close()
    assert len(asked) == 3 < len(QUERIES)
