"""Configured groups and their changes: what is kept, in which order, and of whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.configured_rules import ConfiguredRulesTable, Maker

ONE, TWO = ("ns", "one"), ("ns", "two")


@pytest.fixture
def table(open_catalog: Callable[..., Catalog]) -> Iterator[ConfiguredRulesTable]:
    catalog = open_catalog(shards=1)
    yield catalog.configured_rules
    catalog.close()


def shown(
    table: ConfiguredRulesTable, tenant: str = "t", **more: object
) -> list[tuple[object, ...]]:
    """number, name, content, batch, previous of a tenant's changes."""
    options = {"limit": 100, **more}
    changes = table.changes(tenant, **options)  # type: ignore[arg-type]
    return [(c.number, c.name, c.content, c.batch, c.previous) for c in changes]


def test_groups_and_their_changes_survive(open_catalog: Callable[..., Catalog]) -> None:
    catalog = open_catalog(shards=1)
    (first,) = catalog.configured_rules.apply("t", {ONE: "a"}, Maker("me", 5))
    catalog.configured_rules.apply("t", {ONE: "b"}, Maker("you", 6))
    catalog.configured_rules.apply("u", {("ns", "é"): "c"}, Maker("", 7))
    catalog.close()
    catalog = open_catalog(shards=1)
    table = catalog.configured_rules
    assert table.load() == {"t": {ONE: "b"}, "u": {("ns", "é"): "c"}}
    assert shown(table) == [(2, "one", "b", 2, 1), (1, "one", "a", 1, 0)]
    assert table.change("t", 1) == first
    assert (first.author, first.created_ms, first.undoes) == ("me", 5, 0)
    assert [change.author for change in table.changes("t", limit=1)] == ["you"]
    catalog.close()


def test_changes_that_are_made_together_are_one_batch(table: ConfiguredRulesTable) -> None:
    table.apply("t", {ONE: "a", TWO: "b"}, Maker("", 1))
    table.apply("t", {ONE: None, TWO: None, ("other", "x"): "c"}, Maker("", 2, undoes=1))
    assert table.load() == {"t": {("other", "x"): "c"}}
    assert [change.number for change in table.batch("t", 5)] == [3, 4, 5]
    assert [change.undoes for change in table.batch("t", 3)] == [1, 1, 1]
    assert [change.number for change in table.batch("t", 2)] == [1, 2]
    assert table.batch("t", 99) == []
    assert table.batch("u", 5) == [], "a tenant has its own"
    assert table.change("u", 5) is None


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"namespace": "ns"}, [3, 2, 1]),
        ({"namespace": "ns", "name": "one"}, [3, 1]),
        ({"name": "one"}, [4, 3, 1]),
        ({"before": 3}, [2, 1]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 1, "before": 4, "namespace": "ns"}, [3]),
        ({"namespace": "none"}, []),
    ],
)
def test_changes_are_chosen(
    table: ConfiguredRulesTable, chosen: dict[str, object], numbers: list[int]
) -> None:
    for group in (ONE, TWO, ONE, ("other", "one")):
        table.apply("t", {group: "x"}, Maker("", 1))
    table.apply("u", {ONE: "of another tenant"}, Maker("", 1))
    assert [row[0] for row in shown(table, **chosen)] == numbers


def test_old_changes_go_but_not_those_in_force(table: ConfiguredRulesTable) -> None:
    table.apply("t", {ONE: "a"}, Maker("", 1))
    table.apply("u", {ONE: "a"}, Maker("", 1))
    for content in "bcdef":
        table.apply("t", {TWO: content}, Maker("", 1), kept_max=2)
    assert [row[0] for row in shown(table)] == [7, 6, 1]
    assert [row[0] for row in shown(table, "u")] == [2]
    assert (table.latest("t", ONE), table.latest("t", TWO), table.latest("u", TWO)) == (1, 7, 0)


def test_a_deleted_group_that_comes_again_goes_on(table: ConfiguredRulesTable) -> None:
    for content in ("a", None, "b"):
        table.apply("t", {ONE: content}, Maker("", 1))
    assert shown(table) == [(3, "one", "b", 3, 2), (2, "one", None, 2, 1), (1, "one", "a", 1, 0)]
