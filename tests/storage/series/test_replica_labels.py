"""Replica labels are taken off what has them, in both protocols, and clusters are counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.batch import Batch
from storage.kernels.hashing import random_key
from storage.options import StorageOptions
from storage.reasons import DROPPED_REF, TENANT_SERIES_LIMIT, TENANT_TOO_MANY_CLUSTERS
from storage.series.replica_labels import find_values
from storage.series.table import Registration, SeriesTable, TableLimits
from storage.tenants.rules import HaRules, TenantRules
from tests.makers.bodies.rich import WireSeries, batch_v1, batch_v2
from tests.makers.tables import labelset_of
from tests.storage.series.test_label_spans import relabelling

OPTIONS = replace(StorageOptions(), series_max=100, symbol_bytes_max=1 << 16)
HA = TenantRules(ha=HaRules("cluster", "r", 30))
TOO_MANY = -1 - TENANT_TOO_MANY_CLUSTERS
Labels = Mapping[str, str]
BOTH = pytest.mark.parametrize("make", [batch_v1, batch_v2])
Make = Callable[[list[WireSeries]], Batch]


def up(**labels: str) -> Labels:
    return {"__name__": "up", **labels}


def resolve(
    table: SeriesTable,
    make: Make,
    *labelsets: Labels,
    rules: TenantRules = HA,
    clusters_max: int = 0,
    room: int | None = None,
) -> tuple[list[int], list[int]]:
    """The refs, and the replicas numbered from 1 in the order in which they come."""
    batch = make([WireSeries(labels, [(1, 1.0)]) for labels in labelsets])
    replicas = np.zeros(len(labelsets), np.uint64)
    entry = Registration(rules, clusters_max=clusters_max, replicas=replicas)
    if room is not None:
        allowed = room
        entry = replace(entry, room=lambda wanted: allowed)
    refs = table.resolve(batch, 1, entry).tolist()
    names = {h: n for n, h in enumerate(dict.fromkeys(h for h in replicas.tolist() if h), 1)}
    return refs, [names.get(h, 0) for h in replicas.tolist()]


@BOTH
def test_series_of_two_replicas_are_one(make: Make) -> None:
    table = SeriesTable(OPTIONS)
    sent = [
        up(cluster="c", r="a"),
        up(r="b", cluster="c"),
        up(cluster="d", r="b"),
        up(cluster="c"),
        up(r="b"),
        up(cluster="c", r=""),
        up(cluster="", r="b"),
        up(clusters="c", r="b"),
    ]
    for _ in range(2):  # by their labels, then by their bytes
        refs, replicas = resolve(table, make, *sent)
        assert refs == [0, 0, 1, 0, 2, 0, 2, 3]
        assert replicas == [1, 2, 2, 0, 0, 0, 0, 0]
    labelsets = [labelset_of(table, ref) for ref in range(4)]
    assert labelsets == [up(cluster="c"), up(cluster="d"), up(r="b"), up(clusters="c", r="b")]


def test_rules_that_change_are_obeyed_for_known_series() -> None:
    table, sent = SeriesTable(OPTIONS), up(cluster="c", r="a")
    assert table.resolve(batch_v1([WireSeries(sent, [(1, 1.0)])]), 1).tolist() == [0]
    assert resolve(table, batch_v1, sent) == ([1], [1])
    swapped = TenantRules(ha=HaRules("r", "cluster", 30))
    assert resolve(table, batch_v1, sent, rules=swapped) == ([2], [1])
    assert labelset_of(table, 2) == up(r="a")
    assert table.resolve(batch_v1([WireSeries(sent, [(1, 1.0)])]), 1).tolist() == [0]


def test_relabelling_comes_first() -> None:
    rules = relabelling(
        {"source_labels": ["replica"], "target_label": "r"},
        {"regex": "replica", "action": "labeldrop"},
        {"source_labels": ["drop"], "regex": "yes", "action": "drop"},
    )
    rules = TenantRules(relabel=rules.relabel, ha=HA.ha)
    table = SeriesTable(OPTIONS)
    sent = [up(cluster="c", replica="a"), up(cluster="c", drop="yes"), up(cluster="c", replica="b")]
    for _ in range(2):
        assert resolve(table, batch_v1, *sent, rules=rules) == ([0, DROPPED_REF, 0], [1, 0, 2])


@BOTH
def test_clusters_count_when_a_series_is_registered(make: Make) -> None:
    table = SeriesTable(OPTIONS)
    c, d, e = (up(cluster=name, r="a") for name in "cde")
    refused = -1 - TENANT_SERIES_LIMIT
    assert resolve(table, make, c, clusters_max=1, room=0)[0] == [refused]
    assert resolve(table, make, d, e, clusters_max=1)[0] == [0, TOO_MANY]
    symbols = len(table.symbols)
    unknown = up(cluster="unknown", r="stranger")
    assert resolve(table, make, d, c, unknown, clusters_max=1)[0] == [0, TOO_MANY, TOO_MANY]
    assert len(table.symbols) == symbols
    assert resolve(table, make, up(cluster="c"), clusters_max=1)[0] == [1]
    assert resolve(table, make, c, e, clusters_max=2)[0] == [1, TOO_MANY]
    assert resolve(table, make, e, clusters_max=0)[0] == [2]


def test_a_new_replica_of_known_series_is_no_new_series() -> None:
    table = SeriesTable(OPTIONS)
    resolve(table, batch_v1, up(cluster="c", r="a"))
    symbols = len(table.symbols)
    assert resolve(table, batch_v1, up(cluster="c", r="new"), room=0)[0] == [0]
    assert len(table.symbols) == symbols


def test_replicas_outlive_a_raw_table_that_is_emptied() -> None:
    table = SeriesTable(OPTIONS, TableLimits(raw_spare=3))
    for k in range(20):
        sent = [up(cluster="c", r=f"{k}{n}") for n in range(3)]
        for _ in range(2):
            assert resolve(table, batch_v1, *sent) == ([0] * 3, [1, 2, 3])


def test_the_raw_table_grows_with_its_replicas() -> None:
    table = SeriesTable(replace(OPTIONS, series_max=10_000, symbol_bytes_max=1 << 20))
    sent = [up(cluster="c", n=str(n // 2), r="ab"[n % 2]) for n in range(6_000)]
    for _ in range(2):
        refs, replicas = resolve(table, batch_v1, *sent)
        assert refs == [n // 2 for n in range(6_000)]
        assert replicas == [1, 2] * 3_000


texts = st.text("abé", max_size=3)


@given(st.lists(st.dictionaries(texts, texts, max_size=4), max_size=5), texts)
def test_kernel_is_its_twin(labelsets: list[dict[str, str]], name: str) -> None:
    pairs = [pair for labels in labelsets for pair in labels.items()]
    parts = [text.encode() for pair in pairs for text in pair]
    lengths = np.array([len(part) for part in parts], np.int64)
    spans = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1).reshape(-1, 4)
    buffer = np.frombuffer(bytearray(b"".join(parts) + b"\0"), np.uint8)
    wanted = np.frombuffer(bytearray(name.encode() + b"\0"), np.uint8)[: len(name.encode())]
    places, hashes = np.zeros(len(labelsets), np.int64), np.zeros(len(labelsets), np.uint64)
    counts = np.array([len(labels) for labels in labelsets], np.int64)
    find_values(buffer, spans, counts, wanted, random_key(), places, hashes)
    values = [labels.get(name) for labels in labelsets]
    found = [pairs[place][1] if place >= 0 else None for place in places.tolist()]
    assert found == values
    by_value = dict(zip(values, hashes.tolist(), strict=True))
    assert [by_value[value] for value in values] == hashes.tolist()
    assert len(set(by_value.values())) == len(by_value)
    assert by_value.get(None, 0) == 0
