"""The frames of the load test of decoding are what it says they are."""

from __future__ import annotations

from decoding import BATCH_SERIES, collected, frames


def test_frames_hold_all_samples() -> None:
    parts = frames(BATCH_SERIES + 1, 130)
    assert len(parts) == 2
    assert collected(parts) == (BATCH_SERIES + 1) * 130
