"""What a process has of its shards."""

from __future__ import annotations

import pytest

from storage.errors import Elsewhere
from storage.shard.owned import Owned


def test_by_number_and_in_order() -> None:
    owned: Owned[str] = Owned()
    owned.add(1, "b")
    owned.add(3, "d")
    assert (list(owned), len(owned), owned[3]) == (["b", "d"], 2, "d")
    assert 1 in owned
    assert 0 not in owned


def test_shards_of_others_are_not_here() -> None:
    owned: Owned[str] = Owned()
    owned.add(1, "b")
    with pytest.raises(Elsewhere, match="shard 0 belongs to another process"):
        owned[0]
