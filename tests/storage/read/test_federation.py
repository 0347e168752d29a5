"""Several tenants as one selection: labels, matchers, label queries, rows, origins."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from receiver.processes.reading.view import SharedView
from storage.database import Database
from storage.kernels.stale import STALE_NAN, is_stale
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.federation import (
    FederatedQuerier,
    FederatedSelection,
    recode,
    stack,
    stack_frames,
)
from storage.samples.samples import Samples
from tests.makers.databases import WHOLE, opened, series, write
from tests.makers.processes.apart import read_apart

REPLICAS = ("replica",)
TENANTS = ("a", "b", "c")


@pytest.fixture(scope="module", params=["one process", "three processes"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database | SharedView]:
    """Three tenants on three shards, which intern their texts in different orders; of one process
    or of three."""
    directory = tmp_path_factory.mktemp("data")
    with opened(directory, shards=3) as made:
        write(made, [series("up", [(10, 1.0), (20, 2.0)], job="x", replica="r1")], tenant="a")
        write(made, [series("up", [(15, 5.0), (25, 6.0)], job="x", replica="r2")], tenant="a")
        write(made, [series("up", [(10, 3.0)], zone="z"), series("up", [(10, 4.0)])], tenant="b")
        write(made, [series("down", [(10, 7.0)], job="y")], tenant="c")
        own = {"__tenant_id__": "edge"}
        write(made, [series("up", [(10, 8.0)], job="x", **own)], tenant="c")
        twice = {"__tenant_id__": "edge", "original___tenant_id__": "core"}
        write(made, [series("up", [(10, 9.0)], job="x", **twice)], tenant="c")
        if request.param == "one process":
            yield made
        else:
            with read_apart(made, directory) as apart:
                yield apart


def federated(
    database: Database | SharedView, *tenants: str, dedup: bool = True, **more: Any
) -> FederatedQuerier:
    members = [
        (tenant, database.querier(tenant, replica_labels=REPLICAS, dedup=dedup, **more))
        for tenant in tenants
    ]
    return FederatedQuerier(members)


def rows(labels: LabelFrame) -> list[dict[str, str]]:
    return [labels.labelset(row) for row in range(labels.rows)]


def test_every_series_tells_its_tenant(database: Database | SharedView) -> None:
    selection = federated(database, *TENANTS).select([Matcher("__name__", "=", "up")], *WHOLE)
    up = {"__name__": "up"}
    assert rows(selection.labels) == [
        up | {"__tenant_id__": "a", "job": "x"},
        up | {"__tenant_id__": "b", "zone": "z"},
        up | {"__tenant_id__": "b"},
        up | {"__tenant_id__": "c", "job": "x", "original___tenant_id__": "edge"},
        up
        | {
            "__tenant_id__": "c",
            "job": "x",
            "original___tenant_id__": "edge",
            "original_original___tenant_id__": "core",
        },
    ]
    samples = selection.read(0, selection.labels.rows)
    assert samples.values.tolist() == [1.0, 2.0, 3.0, 4.0, 8.0, 9.0]
    for first in range(selection.labels.rows + 1):
        for end in range(first, selection.labels.rows + 1):
            part = selection.read(first, end)
            cut = slice(samples.offsets[first], samples.offsets[end])
            assert part.values.tolist() == samples.values[cut].tolist()
            offsets = samples.offsets[first : end + 1] - samples.offsets[first]
            assert part.offsets.tolist() == offsets.tolist()


def test_equal_texts_have_equal_codes(database: Database | SharedView) -> None:
    labels = federated(database, "a", "c").select([Matcher("job", "=", "x")], *WHOLE).labels
    assert len(np.unique(labels.column("job"))) == 1
    groups, _ = labels.group(["__name__", "job"])
    assert groups.tolist() == [0] * labels.rows


@pytest.mark.parametrize(
    ("matchers", "tenants"),
    [
        ([Matcher("__tenant_id__", "=", "b")], ["b", "b"]),
        ([Matcher("__tenant_id__", "!=", "b")], ["a", "c", "c", "c"]),
        ([Matcher("__tenant_id__", "=~", "a|c"), Matcher("job", "=", "y")], ["c"]),
        ([Matcher("__tenant_id__", "!~", "a|c"), Matcher("zone", "=", "")], ["b"]),
        ([Matcher("__tenant_id__", "=", "nobody")], []),
        ([Matcher("original___tenant_id__", "=", "edge")], ["c", "c"]),
        ([Matcher("original___tenant_id__", "=", ""), Matcher("job", "!=", "")], ["a", "c"]),
        ([Matcher("replica", "=", "r2")], ["a"]),
    ],
)
def test_matchers_choose_tenants(
    database: Database | SharedView, matchers: list[Matcher], tenants: list[str]
) -> None:
    querier = federated(database, *TENANTS)
    selection = querier.select(matchers, *WHOLE)
    assert [row["__tenant_id__"] for row in rows(selection.labels)] == tenants
    assert selection.read(0, selection.labels.rows).series_count == len(tenants)
    found = querier.series([matchers], *WHOLE)
    assert [row["__tenant_id__"] for row in rows(found)] == tenants


def test_label_queries_are_merged(database: Database | SharedView) -> None:
    querier = federated(database, *TENANTS)
    own = ["original___tenant_id__", "original_original___tenant_id__"]
    assert list(querier.series([], *WHOLE).names) == [
        "__name__",
        "__tenant_id__",
        "job",
        *own,
        "zone",
    ]
    assert querier.series([], *WHOLE).values_of("__tenant_id__") == ["a", "b", "c"]
    assert querier.series([], *WHOLE).values_of("__name__") == ["down", "up"]
    assert querier.series([], 20, 30).values_of("job") == ["x"]
    a_or_y = [[Matcher("__tenant_id__", "=", "a")], [Matcher("job", "=", "y")]]
    assert querier.series(a_or_y, *WHOLE).values_of("__tenant_id__") == ["a", "c"]
    assert querier.series([], *WHOLE).values_of("original___tenant_id__") == ["edge"]
    assert querier.series([[Matcher("job", "=", "nothing")]], *WHOLE).rows == 0


def test_a_tenant_that_never_wrote_adds_nothing(database: Database | SharedView) -> None:
    querier = federated(database, "b", "nobody")
    assert querier.series([], *WHOLE).values_of("__tenant_id__") == ["b"]
    assert querier.select([], *WHOLE).labels.rows == 2
    nobody = federated(database, "nobody", "no-one").select([], *WHOLE)
    assert nobody.labels.rows == 0
    assert nobody.read(0, 0).series_count == 0


def test_replicas_are_made_one_within_a_tenant(database: Database | SharedView) -> None:
    apart = federated(database, "a", "b", dedup=False).select([], *WHOLE)
    assert apart.labels.rows == 4
    selection = federated(database, "a", "b").select([], *WHOLE)
    origins = selection.read_origins(0, selection.labels.rows)
    replicas = rows(selection.replicas())
    told = [replicas[int(number)] for number in origins.values]
    assert told == [{"replica": "r1"}, {"replica": "r1"}, {}, {}]
    assert origins.timestamps.tolist() == selection.read(0, 3).timestamps.tolist()


def test_frames_are_recoded_and_stacked() -> None:
    first, second, third = Symbols(), Symbols(), Symbols()
    one = LabelFrame.from_dicts(first, [{"a": "x", "b": "y"}, {"b": "x"}])
    two = LabelFrame.from_dicts(second, [{"c": "y"}, {}])
    assert rows(recode(one, third)) == rows(one)
    assert rows(stack_frames(third, [one, two])) == rows(one) + rows(two)
    assert stack_frames(third, []).rows == 0


def test_stale_markers_survive_federation() -> None:
    values = np.array([1.0, STALE_NAN])
    part = Samples(np.array([0, 2]), np.array([1, 2]), values)
    both = stack([part, part])
    assert is_stale(both.values).tolist() == [False, True, False, True]
    assert both.offsets.tolist() == [0, 2, 4]


def test_resolutions_of_all_tenants_are_read(database: Database | SharedView) -> None:
    selection = federated(database, "a", "b").select([], *WHOLE)
    assert selection.resolutions == (0,)
    coarse = SimpleNamespace(resolutions=(300_000, 3_600_000))
    mixed = FederatedSelection(selection.labels, (*selection.parts, coarse), selection.starts)
    assert mixed.resolutions == (0, 300_000, 3_600_000)
    assert FederatedSelection(selection.labels, (), selection.starts).resolutions == (0,)
