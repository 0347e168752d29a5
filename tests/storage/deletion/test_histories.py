"""Random writes, deletions, seals, compactions, rewritings and restarts, against a plain model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.labels.matchers import Matcher
from tests.makers.compaction import compact
from tests.makers.databases import WHOLE, key, opened, read, seal, series, write

UP = Matcher("__name__", "=", "up")
TENANTS = ("a", "b")
SETS: list[tuple[tuple[Matcher, ...], Callable[[int], bool]]] = [
    ((UP, Matcher("i", "=", "0")), lambda i: i == 0),
    ((UP, Matcher("i", "=~", "0|1")), lambda i: i in (0, 1)),
    ((Matcher("i", "!=", "2"),), lambda i: i != 2),
    ((UP,), lambda i: True),
    ((Matcher("none", "!=", ""),), lambda i: False),
]

times = st.integers(0, 20)
spans = st.tuples(times, times).map(lambda ends: (min(ends), max(ends)))
points = st.lists(st.tuples(st.integers(0, 2), times, st.integers(0, 9)), min_size=1, max_size=8)
tenants = st.sampled_from(TENANTS)
steps = st.one_of(
    st.tuples(st.just("write"), tenants, points),
    st.tuples(
        st.just("delete"), tenants, st.lists(st.integers(0, 4), min_size=1, max_size=2), spans
    ),
    st.tuples(st.just("seal")),
    st.tuples(st.just("compact")),
    st.tuples(st.just("clean"), tenants),
    st.tuples(st.just("restart")),
)
Model = dict[tuple[str, int], dict[int, float]]


def apply(database: Database, model: Model, step: tuple) -> None:
    match step:
        case ("write", tenant, written):
            for i, t, v in written:
                write(database, [series("up", [(t, float(v))], i=str(i))], tenant=tenant)
                model.setdefault((tenant, i), {}).setdefault(t, float(v))
        case ("delete", tenant, chosen, span):
            sets = tuple(SETS[k][0] for k in chosen)
            database.deletions.delete_series(tenant, sets, *span)
            for (owner, i), kept in model.items():
                if owner == tenant and any(SETS[k][1](i) for k in chosen):
                    for t in [t for t in kept if span[0] <= t <= span[1]]:
                        del kept[t]
        case ("seal",):
            seal(database)
        case ("compact",):
            compact(database)
        case ("clean", tenant):
            database.deletions.clean(tenant)


def check(database: Database, model: Model, span: tuple[int, int]) -> None:
    for tenant in TENANTS:
        for asked in (WHOLE, span):
            expected = {
                key("up", i=str(i)): [(t, v) for t, v in sorted(kept.items()) if in_span(t, asked)]
                for (owner, i), kept in model.items()
                if owner == tenant
            }
            found = read(database, UP, tenant=tenant, span=asked)
            assert {k: v for k, v in found.items() if v} == {k: v for k, v in expected.items() if v}
            shown = shown_series(database, tenant, asked)
            there = {k for k, v in expected.items() if v}
            assert shown == there if asked == WHOLE else shown >= there


def in_span(t: int, span: tuple[int, int]) -> bool:
    return span[0] <= t <= span[1]


def shown_series(
    database: Database, tenant: str, span: tuple[int, int]
) -> set[tuple[tuple[str, str], ...]]:
    frame = database.querier(tenant, replica_labels=(), dedup=True).series([], *span)
    return {tuple(sorted(frame.labelset(row).items())) for row in range(frame.rows)}


@settings(max_examples=40)
@given(st.lists(steps, max_size=14), spans)
def test_any_history_equals_its_model(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple], span: tuple[int, int]
) -> None:
    path = tmp_path_factory.mktemp("data")
    model: Model = {}
    waiting = list(history)
    while True:
        with opened(path) as database:
            while waiting and waiting[0] != ("restart",):
                apply(database, model, waiting.pop(0))
                check(database, model, span)
            check(database, model, span)
        if not waiting:
            break
        waiting.pop(0)
    with opened(path) as database:
        check(database, model, span)
        for tenant in TENANTS:
            database.deletions.clean(tenant)
        check(database, model, span)
        assert database._shards[0].view().deletions == ()
        for tenant in TENANTS:
            receipts = database.deletions.receipts(tenant)
            assert all(each.done_ms is not None and not each.segments_pending for each in receipts)
    with opened(path) as database:
        check(database, model, span)
