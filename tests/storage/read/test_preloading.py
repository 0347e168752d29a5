"""Where samples lie in segments is known before a query asks; nothing gives way for that."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from storage.database import Database
from storage.files import SAMPLES_FILE, segments_directory
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.read.preloading import Preloading
from storage.segments.access import layouts as layouts_module
from tests.makers.batches import DECODER
from tests.makers.databases import key, opened, options, read, seal, series, write, write_mixed
from tests.makers.histograms import EXAMPLES

PATIENCE_S = 60.0
UP = Matcher("__name__", "=", "up")


def fill(database: Database, segments: int) -> None:
    for number in range(segments):
        write(database, [series("up", [(number, float(number))])])
        seal(database)


def preloading_of(database: Database) -> Preloading:
    return Preloading(StorageOptions(), lambda: database._shards)


def known(database: Database) -> list[int]:
    """Of each segment, by time: whether it is known where its samples lie."""
    segments = sorted(database._shards[0].view().segments, key=lambda segment: segment.min_ms)
    return [int((segment.ulid, 0) in database._caches.indexes) for segment in segments]


def test_a_query_finds_what_was_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as database:
        fill(database, 3)
        preloading = preloading_of(database)
        assert (preloading.round(), preloading.round()) == (3, 0)
        assert known(database) == [1, 1, 1]
        for name in ("read_footer", "read_row_index"):
            monkeypatch.delattr(layouts_module, name)
        assert read(database, UP) == {key("up"): [(0, 0.0), (1, 1.0), (2, 2.0)]}


def test_new_segments_are_read_in_the_next_round(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        preloading = preloading_of(database)
        assert preloading.round() == 0
        fill(database, 2)
        assert preloading.round() == 2


@pytest.mark.parametrize(("room_bytes", "expected"), [(0, [0, 0, 0]), (192, [0, 1, 1])])
def test_the_newest_come_first_and_nothing_gives_way(
    tmp_path: Path, room_bytes: int, expected: list[int]
) -> None:
    with opened(tmp_path, segment_index_bytes=room_bytes) as database:
        fill(database, 3)
        # An index of one series takes 64 bytes, and has two thirds of the room.
        database._caches.footers.bytes_max = 1 << 20
        preloading = preloading_of(database)
        for _ in range(2):
            preloading.round()
            assert known(database) == expected


def test_a_segment_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database, 3)
        newest = max(database._shards[0].view().segments, key=lambda segment: segment.max_ms)
        (segments_directory(tmp_path, 0) / newest.ulid / SAMPLES_FILE).unlink()
        assert preloading_of(database).round() == 2
        assert known(database) == [1, 1, 0]


def test_of_histograms_only_footers_are_read(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_mixed(database, [({"__name__": "h"}, [(1, EXAMPLES[0], 0)])])
        seal(database)
        preloading = preloading_of(database)
        assert (preloading.round(), preloading.round()) == (1, 0)
        caches = database._caches
        found = [caches.indexes, caches.footers, caches.histogram_footers]
        assert [len(cache) for cache in found] == [0, 1, 1]


@pytest.mark.parametrize("enabled", [True, False])
def test_after_a_start_it_begins_by_itself(tmp_path: Path, enabled: bool) -> None:
    with opened(tmp_path) as database:
        fill(database, 2)
    registry = CollectorRegistry()
    database = Database.open(
        options(tmp_path, segment_index_preload=enabled), DECODER.decode, registry
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while enabled and sum(known(database)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert known(database) == [int(enabled)] * 2
        held = {kind: bytes_of(registry, kind) for kind in ("footers", "indexes", "rows")}
        assert [kind for kind, size in held.items() if size] == ["footers", "indexes"] * enabled
    finally:
        database.close()


def bytes_of(registry: CollectorRegistry, kind: str) -> float | None:
    return registry.get_sample_value("cupola_segment_cache_bytes", {"kind": kind})
