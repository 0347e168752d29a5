"""Configured groups: what tenants see and change, limits, protection, history and undoing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.configuring.configuration import Asker, ConfigurationLimits, ConfiguredRules
from rules.configuring.errors import Invalid, Missing, Outdated, Protected
from rules.configuring.options import RuleApiOptions
from storage.catalog.catalog import Catalog
from storage.catalog.configured_rules import Maker
from storage.files import catalog_file

ME = Asker("me")


def body(name: str = "g", expr: str = "up", **fields: Any) -> bytes:
    group = {"name": name, "rules": [{"record": "r", "expr": expr}], **fields}
    return yaml.safe_dump(group).encode()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(catalog_file(tmp_path), shards=1)
    yield opened
    opened.close()


def rules_of(
    catalog: Catalog, options: RuleApiOptions | None = None, **more: Any
) -> ConfiguredRules:
    return ConfiguredRules(
        lambda: catalog.configured_rules, options or RuleApiOptions(), now_ms=lambda: 7, **more
    )


def listed(rules: ConfiguredRules, tenant: str = "t", namespace: str | None = None) -> Any:
    found = yaml.safe_load(rules.document(tenant, namespace))
    return {own: [group["name"] for group in groups] for own, groups in found.items()}


def groups(rules: ConfiguredRules, tenant: str = "t") -> list[str]:
    """What the ruler is given: file/name: expression."""
    found = rules.current().groups.get(tenant, ())
    return [f"{group.file}/{group.name}: {group.rules[0].expr}" for group in found]


def test_groups_are_created_replaced_and_deleted(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    assert (listed(rules), groups(rules)) == ({}, [])
    for namespace, name in (("b", "two"), ("b", "one"), ("a", "g")):
        rules.put("t", namespace, body(name), ME)
    rules.put("t", "b", body("one", "down"), ME)
    assert listed(rules) == {"a": ["g"], "b": ["one", "two"]}
    assert listed(rules, namespace="b") == {"b": ["one", "two"]}
    assert listed(rules, namespace="c") == {}
    assert groups(rules) == ["a/g: up", "b/one: down", "b/two: up"]
    assert yaml.safe_load(rules.group("t", "b", "one"))["rules"][0]["expr"] == "down"
    rules.delete_group("t", "b", "two", ME)
    rules.delete_namespace("t", "a", ME)
    assert groups(rules) == groups(rules_of(catalog)) == ["b/one: down"]
    rules.delete_all("t", ME)
    rules.delete_all("t", ME)
    assert groups(rules) == groups(rules_of(catalog)) == []


def test_what_is_not_there_is_missing(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    rules.put("t", "ns", body(), ME)
    for namespace, name in (("ns", "x"), ("x", "g")):
        with pytest.raises(Missing, match="^group does not exist$"):
            rules.group("t", namespace, name)
        with pytest.raises(Missing, match="^group does not exist$"):
            rules.delete_group("t", namespace, name, ME)
    with pytest.raises(Missing, match="^group namespace does not exist$"):
        rules.delete_namespace("t", "x", ME)
    with pytest.raises(Missing, match="^change 99 does not exist$"):
        rules.undo("t", 99, ME)


def test_tenants_see_and_change_their_own_only(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    rules.put("t", "ns", body(), ME)
    rules.put("u", "ns", body(expr="other"), ME)
    with pytest.raises(Missing):
        rules.delete_namespace("v", "ns", ME)
    with pytest.raises(Missing):
        rules.undo("t", 2, ME)
    assert rules.changes("v", limit=10) == []
    rules.delete_all("t", ME)
    assert (groups(rules), groups(rules, "u")) == ([], ["ns/g: other"])
    assert rules.document("v") == "{}\n"


def test_versions_differ_where_groups_do(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    versions = [rules.current().version]
    rules.put("t", "ns", body(), ME)
    versions.append(rules.current().version)
    rules.put("t", "ns", body(), ME)
    assert rules.current().version == versions[-1], "the same again is no change"
    assert len(rules.changes("t", limit=10)) == 1
    rules.delete_group("t", "ns", "g", ME)
    versions.append(rules.current().version)
    rules.undo("t", 2, ME)
    versions.append(rules.current().version)
    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (body("third"), "per-user rule groups limit (limit: 2 actual: 3) exceeded"),
        (
            body(rules=[{"record": "r", "expr": "up"}] * 4),
            "per-user rules per rule group limit (limit: 3 actual: 4) exceeded",
        ),
        (body(interval="10s"), "the interval of the group is 10000 ms; the least is 15000 ms"),
        (body(source_tenants=["u"]), "'g' is a federated rule group, but rules federation is"),
        (body("n" * 501), "the name of a group has 1 to 500 bytes"),
        (body(expr="up" + " " * 2_000), "rules.api.max-group-bytes allows 1024"),
        (body(expr="up("), "could not parse expression"),
    ],
)
def test_too_much_is_refused(catalog: Catalog, wanted: bytes, text: str) -> None:
    limits = ConfigurationLimits(groups_max=2, rules_max=3, interval_ms_min=15_000)
    options = RuleApiOptions(groups_max=50, rules_max=50, group_bytes_max=1_024)
    rules = rules_of(catalog, options, limits_of=lambda tenant: limits)
    rules.put("t", "ns", body("g"), ME)
    rules.put("t", "ns", body("h", interval="15s"), ME)
    before = groups(rules)
    with pytest.raises(Invalid) as raised:
        rules.put("t", "ns", wanted, ME)
    assert text in str(raised.value)
    assert groups(rules) == before
    rules.put("t", "ns", body("g", "changed"), ME)  # one that is there may be replaced


def test_settings_bound_tenants_without_limits(catalog: Catalog) -> None:
    rules = rules_of(catalog, RuleApiOptions(groups_max=1, rules_max=1), federates=True)
    rules.put("t", "ns", body(source_tenants=["u"]), ME)
    with pytest.raises(Invalid, match=r"limit: 1 actual: 2"):
        rules.put("t", "ns", body("h"), ME)
    with pytest.raises(Invalid, match="a namespace has 1 to 500 bytes"):
        rules.put("t", "n" * 501, body(), ME)


def test_protected_namespaces_are_changed_by_those_who_say_so(catalog: Catalog) -> None:
    limits = ConfigurationLimits(protected=frozenset({"safe"}))
    rules = rules_of(catalog, limits_of=lambda tenant: limits)
    sayer = Asker("me", frozenset({"safe", "x"}))
    rules.put("t", "safe", body(), sayer)
    rules.put("t", "free", body(), ME)
    for refused in (
        lambda: rules.put("t", "safe", body("h"), ME),
        lambda: rules.delete_group("t", "safe", "g", ME),
        lambda: rules.delete_namespace("t", "safe", Asker("me", frozenset({"free"}))),
        lambda: rules.delete_all("t", ME),
        lambda: rules.undo("t", 1, ME),
    ):
        with pytest.raises(Protected, match="^namespace is protected, no modification allowed$"):
            refused()
    assert groups(rules) == ["free/g: up", "safe/g: up"]
    assert rules.protected("t") == {"safe"}
    rules.delete_namespace("t", "safe", sayer)
    rules.undo("t", 3, sayer)
    assert groups(rules) == ["free/g: up", "safe/g: up"]


def test_who_changed_what_is_known_and_can_be_undone(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    rules.put("t", "ns", body(expr="first"), Asker("ann"))
    rules.put("t", "ns", body(expr="second"), Asker("bob"))
    rules.delete_group("t", "ns", "g", Asker("eve"))
    found = rules.changes("t", namespace="ns", name="g", limit=10)
    assert [(c.number, c.author, c.created_ms) for c in found] == [
        (3, "eve", 7), (2, "bob", 7), (1, "ann", 7),
    ]  # fmt: skip
    (undone,) = rules.undo("t", 3, ME)
    assert (undone.number, undone.undoes, undone.previous) == (4, 3, 3)
    assert groups(rules) == ["ns/g: second"]
    with pytest.raises(Outdated, match="was changed again by change 4; undo that first"):
        rules.undo("t", 2, ME)
    rules.undo("t", 2, ME, forced=True)
    assert groups(rules) == ["ns/g: first"]
    rules.undo("t", 5, ME)  # undoing can be undone
    assert groups(rules) == groups(rules_of(catalog)) == ["ns/g: second"]
    rules.undo("t", 1, ME, forced=True)
    assert groups(rules) == [], "before the first change there was no group"


def test_what_was_done_together_is_undone_together(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    for name in "abc":
        rules.put("t", "ns", body(name), ME)
    rules.put("t", "other", body(), ME)
    rules.delete_namespace("t", "ns", ME)
    rules.undo("t", 6, ME)
    assert groups(rules) == ["ns/a: up", "ns/b: up", "ns/c: up", "other/g: up"]
    rules.delete_all("t", ME)
    rules.put("t", "ns", body("b", "new"), ME)
    with pytest.raises(Outdated):
        rules.undo("t", 11, ME)
    assert groups(rules) == ["ns/b: new"], "all or nothing"


def test_what_is_not_kept_cannot_be_brought_back(catalog: Catalog) -> None:
    rules = rules_of(catalog)
    rules.put("t", "ns", body(expr="first"), ME)
    rules.put("t", "ns", body(expr="second"), ME)
    catalog.configured_rules.apply("t", {}, Maker("", 0), kept_max=1)
    with pytest.raises(Outdated, match="what was before change 2 is not kept any more"):
        rules.undo("t", 2, ME)


def test_the_limit_of_groups_counts_for_undoing_too(catalog: Catalog) -> None:
    rules = rules_of(catalog, RuleApiOptions(groups_max=1))
    rules.put("t", "ns", body("a"), ME)
    rules.delete_group("t", "ns", "a", ME)
    rules.put("t", "ns", body("b"), ME)
    with pytest.raises(Invalid, match=r"limit: 1 actual: 2"):
        rules.undo("t", 2, ME)


def test_a_kept_group_that_cannot_be_read_is_left_out(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    rules = rules_of(catalog)
    rules.put("t", "ns", body(), ME)
    catalog.configured_rules.apply("t", {("ns", "old"): "name: ["}, Maker("", 0))
    again = rules_of(catalog)
    assert groups(again) == ["ns/g: up"]
    assert "cannot be read any more tenant=t namespace='ns' group='old'" in caplog.text
    assert again.group("t", "ns", "old") == "name: ["
