"""The queries that warm the kernels up are good queries, and stop when that is wanted."""

from api.promql.syntax.nodes import ValueType
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS
from api.promql.warm_up import NAMES, queries, warm_up


def test_every_query_is_answered() -> None:
    warm_up(list(queries()))


def test_all_functions_and_aggregations_are_asked_of_all_kinds_of_samples() -> None:
    texts = list(queries())
    of_samples = {ValueType.VECTOR, ValueType.MATRIX}
    functions = [name for name, function in FUNCTIONS.items() if of_samples & {*function.args}]
    for name in [*functions, *AGGREGATORS]:
        for kind in NAMES:
            assert any(text.startswith(name) and kind in text for text in texts), (name, kind)


def test_warming_up_ends_between_two_queries() -> None:
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    warm_up(list(queries())[:10], stopped)
    assert len(asked) == 3
