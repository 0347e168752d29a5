"""What is damaged is remembered by row group or by file, reported once, and passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storage.segments.damage import Damages

FIRST, SECOND = Path("/shard/A/samples.parquet"), Path("/shard/B/samples.parquet")


def sound(damages: Damages, path: Path) -> list[int]:
    return damages.sound(path, np.arange(4)).tolist()


def test_row_groups_and_files_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    noted = []
    damages = Damages(lambda path, groups: noted.append((path, groups)))
    assert sound(damages, FIRST) == [0, 1, 2, 3]
    assert (damages.of(FIRST), damages.segments()) == (frozenset(), frozenset())
    damages.note(FIRST, [1, 3], "why it is")
    assert "row_groups=1,3" in caplog.text and "why it is" in caplog.text
    damages.note(FIRST, [3, 2], "again")
    damages.note(FIRST, [2], "again")
    assert (sound(damages, FIRST), sound(damages, SECOND)) == ([0], [0, 1, 2, 3])
    assert (damages.of(FIRST), damages.segments()) == ({1, 2, 3}, {"A"})
    damages.note(SECOND, None, "no footer")
    damages.note(SECOND, None, "no footer")
    damages.note(SECOND, [1], "no footer")
    assert (sound(damages, SECOND), damages.of(SECOND)) == ([], None)
    assert noted == [(FIRST, 2), (FIRST, 1), (SECOND, 1)]
    damages.forget(SECOND.parent)
    assert (sound(damages, SECOND), damages.segments()) == ([0, 1, 2, 3], {"A"})
