"""Elections in the log: what is written is read, and damage is seen."""

from __future__ import annotations

import numpy as np
import pytest

from storage.shard.reigns import REIGN, decode_reigns, encode_reigns


def some(count: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(3)
    raw = rng.integers(0, 256, count * REIGN.itemsize).astype(np.uint8)
    return rng.integers(0, 1 << 62, count), raw.view(REIGN)


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_what_is_written_is_read(count: int) -> None:
    ids, reigns = some(count)
    payloads = list(encode_reigns(ids, reigns))
    assert len(payloads) == (count > 0)
    for payload in payloads:
        found_ids, found = decode_reigns(payload)
        assert found_ids.tolist() == ids.tolist()
        assert found.tobytes() == reigns.tobytes()


def test_equal_reigns_take_little_room() -> None:
    (payload,) = encode_reigns(np.arange(100_000), np.zeros(100_000, REIGN))
    assert len(payload) < 100_000 * 8


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda p: p[:3], "3 bytes of elections"),
        (lambda p: p[:-1], "unpack"),
        (
            lambda p: b"\xff\xff\xff\xff" + p[4:],
            "4294967295 bytes of elections in a record; at most",
        ),
        (lambda p: p[:4] + bytes(len(p) - 4), "unpack"),
    ],
)
def test_damage_is_seen(cut, message: str) -> None:  # type: ignore[no-untyped-def]
    (payload,) = encode_reigns(*some(10))
    with pytest.raises(ValueError, match=message):
        decode_reigns(cut(payload))
