"""Exemplars over head, segments and restarts, by selectors, replicas and tenants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.errors import LimitExceeded
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.read.exemplars import ExemplarSelection
from storage.read.federation import FederatedQuerier
from storage.series.table import NEVER_MS
from tests.makers.bodies.exemplars import Series, batch
from tests.makers.databases import WHOLE, append, key, opened, read
from tests.storage.read.test_querier import wait_for_seals

A = Matcher("__name__", "=", "a")
Found = dict[tuple[tuple[str, str], ...], list[tuple[int, float, dict[str, str]]]]


def of(name: str, *exemplars: tuple[int, float, str], points: int = 0, **labels: str) -> Series:
    """A series with exemplars (time, value, trace id) and this many samples."""
    samples = [(time, 1.0) for time in range(points)]
    return {"__name__": name, **labels}, samples, [(t, v, {"id": i}) for t, v, i in exemplars]


def plain(selection: ExemplarSelection) -> Found:
    found: Found = {}
    for row in range(selection.labels.rows):
        first, end = selection.offsets[row : row + 2].tolist()
        found[tuple(selection.labels.labelset(row).items())] = [
            (t, v, dict(labels))
            for t, v, labels in zip(
                selection.timestamps[first:end].tolist(), selection.values[first:end].tolist(),
                selection.exemplar_labels[first:end], strict=True,
            )
        ]  # fmt: skip
    return found


def select(
    database: Database, *sets: Sequence[Matcher], tenant: str = "t", span: Any = WHOLE, **more: Any
) -> Found:
    querier = database.querier(tenant, replica_labels=("replica",), dedup=True, **more)
    return plain(querier.exemplars(sets, *span))


def test_every_state_of_the_shard_gives_the_same(tmp_path: Path) -> None:
    expected = {
        key("a", x="1"): [(-5, 1.0, {"id": "p"}), (3, 2.0, {"id": "q"}), (3, 2.0, {"id": "r"})],
        key("a", x="2"): [(9, 1.0, {"id": "p"})],
    }
    changes = {"head_samples_max": 8}
    with opened(tmp_path, **changes) as database:
        for _ in range(2):
            outcome = append(
                database,
                batch(
                    [
                        of("a", (3, 2.0, "r"), (-5, 1.0, "p"), x="1"),
                        of("b", (3, 2.0, "r"), x="1"),
                        of("a", (9, 1.0, "p"), x="2"),
                        of("a", (3, 2.0, "q"), (3, 2.0, "q"), x="1"),
                    ]
                ),
            )
            assert (outcome.accepted, outcome.exemplars, outcome.rejects) == (0, 6, ())
        assert select(database, [A]) == expected
        assert select(database, [Matcher("x", "=", "2")], [A]) == expected
        assert select(database, [Matcher("__name__", "=", "c")]) == {}
        assert select(database, [A], tenant="nobody") == {}
        assert select(database, [A], span=(-5, 2)) == {
            key("a", x="1"): expected[key("a", x="1")][:1]
        }
    with opened(tmp_path, **changes) as database:
        assert select(database, [A]) == expected, "from the log"
        append(database, batch([of("a", points=5, x="3")]))
        wait_for_seals(database)
        (segment,) = database._shards[0].view().segments
        assert (segment.exemplars, segment.series, segment.samples) == (5, 4, 5)
        assert select(database, [A]) == expected, "from a segment"
        append(database, batch([of("a", (3, 2.0, "q"), (8, 0.0, "s"), x="2")]))
    with opened(tmp_path, **changes) as database:
        expected[key("a", x="2")] = [
            (3, 2.0, {"id": "q"}), (8, 0.0, {"id": "s"}), (9, 1.0, {"id": "p"}),
        ]  # fmt: skip
        assert select(database, [A]) == expected, "from a segment and the log"


def test_series_without_samples_keep_their_ids(tmp_path: Path) -> None:
    """An id that exemplars were stored under is never given to another series."""
    with opened(tmp_path, head_samples_max=8) as database:
        append(database, batch([of("a", (5, 1.0, "p"), x="1"), of("a", points=5, x="2")]))
        wait_for_seals(database)
    with opened(tmp_path, head_samples_max=8) as database:
        table = database._shards[0].table
        assert table.last_ms[: len(table)].tolist() == [NEVER_MS, 4]
        append(database, batch([of("a", points=2, x="0"), of("a", points=2, x="1")]))
        assert select(database, [A]) == {key("a", x="1"): [(5, 1.0, {"id": "p"})]}
        assert read(database, A)[key("a", x="1")] == [(0, 1.0), (1, 1.0)]


def test_a_head_of_exemplars_only_is_sealed(tmp_path: Path) -> None:
    with opened(tmp_path, head_age_ms=0) as database:
        append(database, batch([of("a", (5, 1.0, "p"), (7, 1.0, "p"))]))
        append(database, batch([of("a", (6, 1.0, "p"))]))
        wait_for_seals(database)
        segments = database._shards[0].view().segments
        assert sum(segment.exemplars for segment in segments) == 3
        assert {segment.samples for segment in segments} == {0}
        assert min(segment.min_ms for segment in segments) == 5
        assert read(database, A) == {key("a"): []}
    with opened(tmp_path) as database:
        found = [time for time, *_ in select(database, [A])[key("a")]]
        assert found == [5, 6, 7]


def test_replicas_are_one_series(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        append(
            database,
            batch(
                [
                    of("a", (1, 1.0, "p"), (2, 1.0, "q"), x="1", replica="r1"),
                    of("a", (2, 1.0, "q"), (3, 1.0, "r"), x="1", replica="r2"),
                    of("a", (9, 1.0, "q"), x="2"),
                ]
            ),
        )
        assert select(database, [A]) == {
            key("a", x="1"): [(1, 1.0, {"id": "p"}), (2, 1.0, {"id": "q"}), (3, 1.0, {"id": "r"})],
            key("a", x="2"): [(9, 1.0, {"id": "q"})],
        }
        querier = database.querier("t", replica_labels=("replica",), dedup=False)
        assert len(plain(querier.exemplars([[A]], *WHOLE))) == 3


def test_tenants_under_each_other(tmp_path: Path) -> None:
    with opened(tmp_path, shards=2) as database:
        for tenant in ("one", "two"):
            append(database, batch([of("a", (1, 1.0, tenant))]), tenant=tenant)
        tenants = ("one", "two", "three")
        queriers = [(t, database.querier(t, replica_labels=(), dedup=False)) for t in tenants]
        federated = FederatedQuerier(queriers)
        both = plain(federated.exemplars([[A]], *WHOLE))
        assert both == {
            key("a", __tenant_id__=tenant): [(1, 1.0, {"id": tenant})] for tenant in ("one", "two")
        }
        chosen = [[Matcher("__tenant_id__", "=", "two")]]
        assert list(plain(federated.exemplars(chosen, *WHOLE))) == [key("a", __tenant_id__="two")]


@pytest.mark.parametrize("head_samples", [100, 8])
def test_too_many_are_named(tmp_path: Path, head_samples: int) -> None:
    changes = {"select_exemplars_max": 3, "head_samples_max": head_samples}
    with opened(tmp_path, **changes) as database:
        append(database, batch([of("a", *((t, 1.0, "p") for t in range(4)), points=5)]))
        wait_for_seals(database)
        assert len(select(database, [A], span=(1, 3))[key("a")]) == 3
        with pytest.raises(LimitExceeded, match=r"at most 3 .*\(storage\.select\.max-exemplars\)"):
            select(database, [A])


def test_refused_exemplars_are_counted_and_told(tmp_path: Path) -> None:
    at_start = Policy(clock=lambda: 0)
    with opened(
        tmp_path, policy=at_start, retention_ms=100, creation_grace_period_ms=10
    ) as database:
        long = {"id": "x" * 128}
        good: Series = ({"__name__": "a"}, [(1000, 1.0)], [(1000, 1.0, {}), (1000, 1.0, long)])
        bad: Series = ({"x": "1"}, [], [(1000, 1.0, {})])
        late = of("a", (1011, 1.0, "p"), (899, 1.0, "p"))
        outcome = append(database, batch([good, bad, late]), arrival_ms=1000)
    assert (outcome.accepted, outcome.exemplars) == (1, 1)
    assert [reject.reason for reject in outcome.rejects] == ["label_invalid"]
    assert [(r.reason, r.count) for r in outcome.exemplar_rejects] == [
        ("exemplar_labels_too_long", 1),
        ("exemplar_series_refused", 1),
        ("exemplar_too_old", 1),
        ("exemplar_too_far_in_future", 1),
    ]
    assert outcome.exemplar_rejects[0].message == (
        "exemplar refused: label names and values of more than 128 characters together; "
        'first: of {__name__="a"} at 1000 ms'
    )
