"""Registering under the rules of a tenant: limits on labels, relabelling, and changes of both."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from storage.options import StorageOptions
from storage.reasons import (
    DROPPED,
    DROPPED_REF,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    TENANT_NAME_TOO_LONG,
    TENANT_SERIES_LIMIT,
    TENANT_TOO_MANY_LABELS,
    TENANT_VALUE_TOO_LONG,
    TOO_MANY_LABELS,
)
from storage.series.table import Registration, SeriesTable
from storage.tenants.relabel import RelabelRule
from storage.tenants.rules import TenantRules
from tests.makers.batches import batch_of, label, raw_batch, series_of
from tests.makers.tables import labelset_of

OPTIONS = replace(
    StorageOptions(),
    series_max=100,
    symbol_bytes_max=1 << 16,
    labels_per_series_max=6,
    label_bytes_max=20,
)
UP = {"__name__": "up", "a": "foo", "b": "bar"}


def relabelling(*rules: dict[str, object]) -> TenantRules:
    return TenantRules(relabel=tuple(msgspec.convert(rule, RelabelRule) for rule in rules))


def resolve(
    table: SeriesTable,
    *labelsets: dict[str, str],
    rules: TenantRules | None = None,
    tenant: int = 1,
) -> list[int]:
    batch = batch_of([(labels, [(1, 1.0)]) for labels in labelsets])
    found: list[int] = table.resolve(batch, tenant, Registration(rules or TenantRules())).tolist()
    return found


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (TenantRules(labels_max=3, name_bytes_max=8, value_bytes_max=3), 0),
        (TenantRules(labels_max=2), TENANT_TOO_MANY_LABELS),
        (TenantRules(name_bytes_max=7), TENANT_NAME_TOO_LONG),
        (TenantRules(value_bytes_max=2), TENANT_VALUE_TOO_LONG),
        (relabelling({"source_labels": ["a"], "regex": "foo", "action": "drop"}), DROPPED),
        (relabelling({"regex": ".*", "action": "labeldrop"}), NO_METRIC_NAME),
        (relabelling({"regex": "__name__", "action": "labeldrop"}), NO_METRIC_NAME),
        (
            relabelling({"regex": "(a)", "replacement": "$2", "action": "labelmap"}),
            EMPTY_NAME,
        ),
        (relabelling({"target_label": "c", "replacement": "x" * 21}), LABEL_TOO_LONG),
        (
            relabelling(*({"target_label": f"l{k}", "replacement": "x"} for k in range(4))),
            TOO_MANY_LABELS,
        ),
    ],
)
def test_a_series_is_judged_by_the_rules_of_its_tenant(rules: TenantRules, reason: int) -> None:
    table = SeriesTable(OPTIONS)
    other = {"__name__": "a", "b": "c"}
    assert resolve(table, UP, rules=rules)[0] == (-1 - reason if reason else 0)
    # Nothing of it sticks to others: neither to good series of the request, nor to other tenants.
    kept = resolve(table, UP, other, UP, rules=TenantRules(), tenant=2)
    assert kept[0] == kept[2] >= 0
    assert labelset_of(table, kept[1]) == other


def test_relabelled_series_are_found_by_their_old_labels() -> None:
    table = SeriesTable(OPTIONS)
    rules = relabelling(
        {"source_labels": ["a"], "target_label": "z"}, {"regex": "a", "action": "labeldrop"}
    )
    assert resolve(table, UP, {"__name__": "x"}, rules=rules) == [0, 1]
    assert resolve(table, UP, rules=rules) == [0]
    assert labelset_of(table, 0) == {"__name__": "up", "b": "bar", "z": "foo"}
    assert resolve(table, labelset_of(table, 0), rules=relabelling()) == [0]


def test_dropped_series_are_known_as_dropped() -> None:
    table = SeriesTable(OPTIONS)
    rules = relabelling({"source_labels": ["__name__"], "regex": "up", "action": "drop"})
    assert resolve(table, UP, {"__name__": "x"}, rules=rules) == [DROPPED_REF, 0]
    assert len(table._raw) == 2
    assert resolve(table, UP, {"__name__": "x"}, rules=rules) == [DROPPED_REF, 0]
    assert (len(table._raw), len(table)) == (2, 1)


def test_changed_rules_count_for_known_series_too() -> None:
    table = SeriesTable(OPTIONS)
    drop = relabelling({"source_labels": ["a"], "regex": "foo", "action": "drop"})
    assert resolve(table, UP) == [0]
    assert resolve(table, UP, rules=drop) == [DROPPED_REF]
    assert resolve(table, UP, rules=TenantRules(labels_max=2)) == [-1 - TENANT_TOO_MANY_LABELS]
    assert resolve(table, UP, rules=TenantRules(series_max=5)) == [0]
    assert resolve(table, UP, tenant=2) == [1]


def test_damaged_utf8_is_refused_before_relabelling() -> None:
    table = SeriesTable(OPTIONS)
    batch = raw_batch(series_of(label(b"__name__", b"up"), label(b"a", b"\xff")))
    rules = relabelling({"target_label": "b", "replacement": "x"})
    assert table.resolve(batch, 1, Registration(rules)).tolist() == [-1 - NOT_UTF8]


@pytest.mark.parametrize("room", range(5))
def test_where_there_is_no_room_known_series_go_on_and_new_ones_leave_nothing(room: int) -> None:
    table = SeriesTable(OPTIONS)
    known = {"__name__": "up", "a": "1"}
    mixed = {"__name__": "up", "a": "up"}  # new, of known texts
    assert resolve(table, known) == [0]
    symbols = len(table.symbols)
    labelsets = [{"__name__": "up", "a": f"new{k}"} for k in range(3)]
    batch = batch_of([(labels, [(1, 1.0)]) for labels in [known, *labelsets, mixed]])
    entry = Registration(room=lambda wanted: min(wanted, room))
    refused = -1 - TENANT_SERIES_LIMIT
    wanted = [0, *([k + 1 for k in range(4)][:room]), *([refused] * (4 - room))]
    assert table.resolve(batch, 1, entry).tolist() == wanted
    assert len(table.symbols) == symbols + min(room, 3)
    assert table.registered(1) == 1 + room
    assert table.registered(2) == 0
