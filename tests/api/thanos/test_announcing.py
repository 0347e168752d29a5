"""Which label sets are announced, and when none are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.thanos.announcing import KEPT_S, SETS_MAX, Announcing
from tests.makers.fake_store import FakeStore


class Scene:
    """Announcing over a store whose tenant t has these series."""

    def __init__(self, names: Sequence[str], *labelsets: dict[str, str]) -> None:
        self.store, self.now_s = FakeStore(), 0.0
        self.write("t", *labelsets)
        source = QuerierSource(self.store, ReplicaDefaults())
        self.announcing = Announcing(source, tuple(names), lambda: self.now_s)

    def write(self, tenant: str, *labelsets: dict[str, str]) -> None:
        for labels in labelsets:
            self.store.tenant(tenant).write(labels, [(1, 1.0)])


@pytest.mark.parametrize(
    "names, labelsets, wanted",
    [
        ((), [{"c": "1"}], []),
        (("c",), [], []),
        (
            ("c",),
            [{"c": "1", "x": "1"}, {"c": "1", "x": "2"}, {"c": "0"}],
            [{"c": "0"}, {"c": "1"}],
        ),
        (("c", "r"), [{"c": "1", "r": "a"}], [{"c": "1", "r": "a"}]),
        (("c", "r"), [{"c": "1", "r": "a"}, {"c": "2"}], []),  # which {r=""} selects
        (("c",), [{"c": str(k)} for k in range(SETS_MAX + 1)], []),
    ],
)
def test_sets(
    names: Sequence[str], labelsets: list[dict[str, str]], wanted: list[dict[str, str]]
) -> None:
    assert Scene(names, *labelsets).announcing.sets_of(["t"]) == wanted


def test_sets_of_several_tenants_each_once() -> None:
    scene = Scene(["c"], {"c": "1"})
    scene.write("u", {"c": "1"}, {"c": "2"})
    assert scene.announcing.sets_of(["t", "u"]) == [{"c": "1"}, {"c": "2"}]
    scene.write("v", {"x": "1"})
    assert scene.announcing.sets_of(["t", "u", "v"]) == []
    scene = Scene(["c"], *({"c": str(k)} for k in range(SETS_MAX)))
    scene.write("u", {"c": "more"})
    assert len(scene.announcing.sets_of(["t"])) == SETS_MAX
    assert scene.announcing.sets_of(["t", "u"]) == []


def test_what_was_found_is_kept_for_a_while() -> None:
    scene = Scene(["c"], {"c": "1"})
    assert scene.announcing.sets_of(["t"]) == [{"c": "1"}]
    scene.write("t", {"c": "2"})
    scene.now_s = KEPT_S - 1
    assert scene.announcing.sets_of(["t"]) == [{"c": "1"}]
    scene.now_s = KEPT_S
    assert scene.announcing.sets_of(["t"]) == [{"c": "1"}, {"c": "2"}]
