"""What is damaged is listed, also beside a running server, and nothing is changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.catalog import listing
from storage.compaction import verification
from storage.compaction.verification import Verified, verify
from storage.database import Database
from storage.files import SAMPLES_FILE, catalog_file, segments_directory
from tests.makers.compaction import compact
from tests.makers.databases import opened, seal, series, write


def fill(database: Database) -> None:
    for number in range(3):
        write(database, [series("up", [(number, 1.0)])])
        seal(database)


def contents(directory: Path) -> dict[str, bytes]:
    return {
        os.path.relpath(path, directory): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_damage_is_listed(tmp_path: Path) -> None:
    lines: list[str] = []
    with opened(tmp_path) as database:
        fill(database)
        segments = database._shards[0].view().segments
        size = sum(segment.bytes for segment in segments)
        assert verify(tmp_path, lines.append) == Verified(3, size, 0, 0)
        assert lines == []
        database._catalog.set_aside(segments[2].ulid, "it was struck by lightning")
    path = segments_directory(tmp_path, 0) / segments[1].ulid / SAMPLES_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = contents(tmp_path)
    found = verify(tmp_path, lines.append)
    assert found == Verified(2, size - segments[2].bytes, 1, 1)
    damaged, aside = lines
    assert damaged.startswith(
        f"damaged: shard=0 ulid={segments[1].ulid} file=samples.parquet row_groups="
    )
    assert f"ulid={segments[2].ulid} reason='it was struck by lightning'" in aside
    assert {k: v for k, v in contents(tmp_path).items() if "sqlite" not in k} == {
        k: v for k, v in before.items() if "sqlite" not in k
    }
    catalog = catalog_file(tmp_path).name
    assert contents(tmp_path)[catalog] == before[catalog]


def test_segments_that_are_replaced_meanwhile_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        fill(database)
        stale = listing.listed_segments(catalog_file(tmp_path))
        compact(database)
        database._doomed.delete_due(1 << 60)
        calls = iter([stale])
        current = listing.listed_segments
        monkeypatch.setattr(
            verification, "listed_segments", lambda path: next(calls, None) or current(path)
        )
        lines: list[str] = []
        assert verify(tmp_path, lines.append) == Verified(0, 0, 0, 0)
        assert lines == []
