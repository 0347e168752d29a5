"""Where tenants live."""

from __future__ import annotations

import pytest

from storage.tenants.placement import WHOLE, Share, shard_of


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("shards", [1, 4, 7])
def test_every_shard_has_one_owner(processes: int, shards: int) -> None:
    shares = [Share(number, processes) for number in range(processes)]
    for shard in range(shards):
        owners = [share.number for share in shares if share.has(shard)]
        assert owners == [shares[0].owner(shard)]
    assert sorted(s for share in shares for s in share.shards(shards)) == list(range(shards))


def test_the_whole_has_everything() -> None:
    assert WHOLE.shards(4) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("tenant", "shards", "expected"), [("a", 1, 0), ("a", 4, 3), ("b", 4, 3), ("default", 4, 2)]
)
def test_shards_follow_from_names_for_ever(tenant: str, shards: int, expected: int) -> None:
    """Data directories rely on it."""
    assert shard_of(tenant, shards) == expected
