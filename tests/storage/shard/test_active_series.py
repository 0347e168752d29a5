"""The count of active series and the room that it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.shard.active_series import ACTIVE_MS, RECOUNT_SECONDS, ActiveSeries
from tests.makers.databases import opened, series, write

NOW_MS = 10 * ACTIVE_MS


@pytest.mark.parametrize(
    ("allowed", "wanted", "room"),
    [(10, 3, 3), (6, 3, 3), (5, 3, 2), (3, 3, 0), (2, 3, 0), (1, 0, 0)],
)
def test_room_is_what_the_active_series_leave(
    tmp_path: Path, allowed: int, wanted: int, room: int
) -> None:
    with opened(tmp_path) as database:
        write(database, [series(f"t{k}", [(NOW_MS, 1.0)]) for k in range(3)])
        write(database, [series(f"u{k}", [(NOW_MS, 1.0)]) for k in range(4)], tenant="u")
        shard = database._shards[0]
        active = ActiveSeries(shard.table, lambda: shard.view().heads)
        assert active.room(1, wanted, allowed=allowed, now_ms=NOW_MS) == room


def test_series_stop_being_active_and_are_counted_again_in_time(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series(f"t{k}", [(NOW_MS, 1.0)]) for k in range(3)])
        shard = database._shards[0]
        clock = [0.0]
        heads = [shard.view().heads]
        active = ActiveSeries(shard.table, lambda: heads[0], clock=lambda: clock[0])

        def room(now_ms: int) -> int:
            return active.room(1, 10, allowed=5, now_ms=now_ms)

        assert room(NOW_MS + ACTIVE_MS + 1) == 2  # in the head still
        heads[0] = ()
        write(database, [series("t3", [(NOW_MS, 1.0)])])
        assert room(NOW_MS) == 1  # not counted again, but for the new one
        clock[0] += RECOUNT_SECONDS
        assert room(NOW_MS + ACTIVE_MS) == 1
        clock[0] += RECOUNT_SECONDS
        assert room(NOW_MS + ACTIVE_MS + 1) == 5
