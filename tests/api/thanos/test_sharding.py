"""Shards of series: hashes by hand, and every series in one shard of all."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash

from api.thanos.requests import Shard
from api.thanos.sharding import rows_of_shard, shard_hashes
from storage.labels.frames import LabelFrame, Symbols

LABELS = [{"__name__": "m", "pod": f"p{k}", "z": "ü" * (k % 3)} for k in range(50)]


def naive_hash(labels: dict[str, str], shard: Shard) -> int:
    counted = [
        name for name in sorted(labels) if labels[name] and (name in shard.names) is shard.is_by
    ]
    text = b"".join(name.encode() + b"\xff" + labels[name].encode() + b"\xff" for name in counted)
    return int(xxhash.xxh64_intdigest(text))


@pytest.mark.parametrize("is_by", [True, False])
@pytest.mark.parametrize("names", [(), ("pod",), ("pod", "z"), ("none",), ("__name__", "pod", "z")])
def test_hashes(is_by: bool, names: tuple[str, ...]) -> None:
    frame = LabelFrame.from_dicts(Symbols(), LABELS)
    shard = Shard(0, 4, is_by, frozenset(names))
    wanted = [naive_hash(labels, shard) for labels in LABELS]
    assert shard_hashes(frame, shard).tolist() == wanted
    parts = [rows_of_shard(frame, Shard(k, 4, is_by, frozenset(names))) for k in range(4)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(50))
    assert [row for row in range(50) if wanted[row] % 4 == 2] == parts[2].tolist()


def test_no_rows() -> None:
    frame = LabelFrame.from_dicts(Symbols(), [])
    assert len(rows_of_shard(frame, Shard(0, 2, False, frozenset()))) == 0
