"""Which blocks a bucket has: marks, uploads on their way, blocks that cannot be understood."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from receiver.stores.bucket.view import BucketView, ViewOptions
from storage.errors import StoreFailed
from storage.objects.store import Listed
from tests.makers.blocks import write_block
from tests.makers.buckets.blocks import set_meta
from tests.makers.buckets.servers import directory_store
from tests.receiver.importing.tsdb.test_block import WRITTEN

ULIDS = [f"01H000000000000000000000{k:02d}" for k in range(9)]
HOUR = 3_600_000
PATIENCE_S = 60
EDGE = {"labels": {"replica": "a", "__shard__": "1"}, "downsample": {"resolution": 0}}


def view_of(bucket: Path, delay_ms: int = HOUR, interval_ms: int = HOUR) -> BucketView:
    options = ViewOptions(interval_ms, delay_ms, 1 << 24, 1 << 24)
    return BucketView(directory_store(bucket), options)


def ulids(view: BucketView) -> list[str]:
    return sorted(block.meta.ulid for block in view.blocks)


def mark(block: Path, ago_s: float) -> None:
    content = {"id": block.name, "version": 1, "deletion_time": int(time.time() - ago_s)}
    (block / "deletion-mark.json").write_text(json.dumps(content))


def test_blocks_that_are_whole(tmp_path: Path) -> None:
    write_block(tmp_path, WRITTEN, ulid=ULIDS[0], **EDGE)
    mark(write_block(tmp_path, WRITTEN, ulid=ULIDS[1], **EDGE), ago_s=60)
    mark(write_block(tmp_path, WRITTEN, ulid=ULIDS[2], **EDGE), ago_s=2 * 3600)
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[3]) / "meta.json").unlink()
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[4]) / "no-compact-mark.json").write_text("{}")
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[5]) / "deletion-mark.json").write_text("{")
    (tmp_path / "debug").mkdir()
    (tmp_path / "debug" / "x").write_text("y")
    view = view_of(tmp_path)
    assert view.error == "it has not been listed yet" and view.span is None
    view.refresh()
    assert ulids(view) == [ULIDS[0], ULIDS[1], ULIDS[4]]
    assert (view.error, view.problems) == ("", ())
    assert view.label_sets == [{"replica": "a"}]
    assert view.span == (1000, 4000)


def test_blocks_that_a_compactor_made_one(tmp_path: Path) -> None:
    for ulid in ULIDS[:3]:
        write_block(tmp_path, WRITTEN, ulid=ulid, **EDGE)
    set_meta(tmp_path / ULIDS[2], compaction={"level": 2, "sources": ULIDS[:2]})
    view = view_of(tmp_path)
    view.refresh()
    assert ulids(view) == [ULIDS[2]]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"version": 3}, "its version is 3; only 1 is read"),
        ({"ulid": ULIDS[7]}, f"its meta.json is of block {ULIDS[7]}"),
        ({"minTime": 9, "maxTime": 9}, "its meta.json has times 9 to 9"),
        ({"minTime": "soon"}, "its meta.json cannot be read"),
        ({"thanos": ["x"]}, "its meta.json cannot be read"),
    ],
)
def test_a_block_that_cannot_be_understood(
    tmp_path: Path, fields: dict[str, object], text: str
) -> None:
    write_block(tmp_path, WRITTEN, ulid=ULIDS[0])
    set_meta(write_block(tmp_path, WRITTEN, ulid=ULIDS[1]), **fields)
    view = view_of(tmp_path)
    view.refresh()
    assert ulids(view) == [ULIDS[0]]
    (problem,) = view.problems
    assert problem.startswith(f"block {ULIDS[1]}: {text}")


def test_a_file_of_another_size_is_said_and_its_block_read(tmp_path: Path) -> None:
    files = [{"rel_path": "index", "size_bytes": 7}, {"rel_path": "meta.json"}]
    write_block(tmp_path, WRITTEN, ulid=ULIDS[0], files=files)
    view = view_of(tmp_path)
    view.refresh()
    assert ulids(view) == [ULIDS[0]]
    assert "index has" in view.problems[0] and "not 7" in view.problems[0]


def test_many_problems_are_said_shortly(tmp_path: Path) -> None:
    for ulid in ULIDS:
        (write_block(tmp_path, WRITTEN, ulid=ulid) / "meta.json").write_text("[]")
    view = view_of(tmp_path)
    view.refresh()
    assert len(view.problems) == 4 and view.problems[-1] == "and 6 blocks more"


def test_what_comes_and_goes_is_seen(tmp_path: Path) -> None:
    block = write_block(tmp_path, WRITTEN, ulid=ULIDS[0])
    view = view_of(tmp_path)
    view.refresh()
    write_block(tmp_path, WRITTEN, ulid=ULIDS[1])
    mark(block, ago_s=2 * 3600)
    before = view.blocks
    view.refresh()
    assert ulids(view) == [ULIDS[1]]
    assert [each.meta.ulid for each in before] == [ULIDS[0]]
    shutil.rmtree(tmp_path / ULIDS[1])
    view.refresh()
    assert ulids(view) == []


class Silent:
    """A store that cannot be listed."""

    place = "nowhere"

    def listed(self, prefix: str) -> list[Listed]:
        raise StoreFailed("list of it failed")


def test_a_bucket_that_cannot_be_listed_keeps_what_was_known(tmp_path: Path) -> None:
    write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[0])
    view = view_of(tmp_path / "bucket")
    view.refresh()
    view.store = Silent()  # type: ignore[assignment]
    view.refresh()
    assert ulids(view) == [ULIDS[0]]
    assert view.error == "list of it failed"


def test_a_thread_looks_for_blocks(tmp_path: Path) -> None:
    view = view_of(tmp_path, interval_ms=10)
    view.start()
    write_block(tmp_path / "aside", WRITTEN, ulid=ULIDS[0]).rename(tmp_path / ULIDS[0])
    deadline = time.monotonic() + PATIENCE_S
    while ulids(view) != [ULIDS[0]]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    view.stop()
