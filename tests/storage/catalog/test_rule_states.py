"""What the catalog knows of groups of rules: replaced, forgotten, and there after a restart."""

from __future__ import annotations

from collections.abc import Callable

from storage.catalog.catalog import Catalog
from storage.catalog.rule_states import SavedGroup

A, B, C = ("t", "f.yml", "a"), ("t", "f.yml", "b"), ("u", "f.yml", "a")


def test_states_of_groups(open_catalog: Callable[..., Catalog]) -> None:
    catalog = open_catalog(shards=1)
    states = catalog.rule_states
    assert states.load() == {}
    states.save({A: SavedGroup(1, {"x": b"1", "y": b"2"}), B: SavedGroup(2, {"x": b"3"})})
    states.save({A: SavedGroup(5, {"x": b"9", "z": b"4"}), C: SavedGroup(7)})
    states.save({B: SavedGroup(3, {"x": b"", "w": b""})})
    catalog.close()
    catalog = open_catalog(shards=1)
    assert catalog.rule_states.load() == {
        A: SavedGroup(5, {"x": b"9", "y": b"2", "z": b"4"}),
        B: SavedGroup(3),
        C: SavedGroup(7),
    }
    catalog.rule_states.forget([A, ("no", "such", "group")])
    catalog.rule_states.forget([])
    catalog.rule_states.save({})
    assert catalog.rule_states.load() == {B: SavedGroup(3), C: SavedGroup(7)}
    catalog.rule_states.save({A: SavedGroup(1)})
    assert catalog.rule_states.load()[A] == SavedGroup(1)  # nothing of its earlier life
    catalog.close()
