"""What may leave the disk: samples and windows with checksums, that the bucket lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.bucket.eviction import LocalCopies
from storage.files import REMOTE_MARK
from storage.segments.segment import SegmentMeta
from tests.makers.buckets.databases import bucket_at, store_at, with_bucket
from tests.makers.databases import seal, series, write
from tests.makers.segments import forget_pieces
from tests.storage.bucket.test_places import places_of


@pytest.mark.parametrize("kind", ["raw", "not listed", "without sums", "small"])
def test_what_may_be_evicted(tmp_path: Path, kind: str) -> None:
    with with_bucket(tmp_path / "data", bucket_at(store_at(tmp_path / "bucket"))) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        segment: SegmentMeta = database._shards[0].view().segments[0]
        (directory,) = (tmp_path / "data").glob(f"shards/*/segments/{segment.ulid}")
        if kind == "without sums":
            forget_pieces(directory)
        copies = LocalCopies(places_of(database), tmp_path / "data", 1 << (20 * (kind == "small")))
        listed = frozenset() if kind == "not listed" else frozenset({segment.ulid})
        assert copies.trim([segment], listed) == (kind == "raw")
        assert (directory / REMOTE_MARK).exists() == (kind == "raw")
