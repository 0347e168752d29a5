"""Targets of stores: what messages say, and those of a pair of Prometheis as one."""

from __future__ import annotations

import pytest

from api.sources.others import TargetFacts
from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.targets import as_one, of_tenant, read_targets
from receiver.wire.messages import message_field
from tests.makers.sources.listed import dropped, target


def test_targets_are_read() -> None:
    content = target("node", "h:1", {"job": "node"}, health=1, at_s=7) + dropped({"x": "y"})
    assert read_targets(content) == (
        [
            TargetFacts(
                {"__address__": "h:1"}, {"job": "node"}, "node", "h:1", "global h:1", "refused",
                7_000_000_000, 0.125, "up",
            )
        ],
        [{"x": "y"}],
    )  # fmt: skip
    (unknown,), _ = read_targets(message_field(1, b"\x48\x63"))
    assert (unknown.health, unknown.scraped_ns) == ("unknown", None)


@pytest.mark.parametrize("content", [b"\x0a\xff", message_field(1, message_field(3, b"\xff"))])
def test_damage_is_said(content: bytes) -> None:
    with pytest.raises(LyingStore, match="its targets are damaged"):
        read_targets(content)


def test_targets_of_a_pair_are_one() -> None:
    """That which was scraped last."""
    active, gone = [], []
    for replica, at_s in (("a", 7), ("b", 9)):
        content = target("node", "h:1", {"replica": replica}, health=1, at_s=at_s)
        content += target("node", f"{replica}:1", {"replica": replica}, health=0, at_s=1)
        some, others = read_targets(content + dropped({"x": "y", "replica": replica}))
        active += some
        gone += others
    found = as_one(active, gone, ["replica"], ["one is missing"])
    assert [(each.url, each.scraped_ns, each.labels) for each in found.active] == [
        ("h:1", 9_000_000_000, {}),
        ("a:1", 1_000_000_000, {}),
        ("b:1", 1_000_000_000, {}),
    ]
    assert (found.dropped, found.losses) == ([{"x": "y"}], ("one is missing",))
    assert len(as_one(active, gone, [], []).active) == 4


def test_targets_of_a_tenant() -> None:
    content = b"".join(
        target("node", f"{tenant}:1", {"tenant_id": tenant}, health=1, at_s=7)
        + dropped({"x": "y", "tenant_id": tenant})
        for tenant in ("edge", "core")
    )
    content += target("node", "h:1", {"job": "node"}, health=1, at_s=7) + dropped({"x": "y"})
    active, gone = of_tenant(read_targets(content), "tenant_id", "edge")
    assert [each.url for each in active] == ["edge:1"]
    assert gone == [{"x": "y", "tenant_id": "edge"}]
