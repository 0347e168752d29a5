"""Lists of blocks for people."""

from __future__ import annotations

from pathlib import Path

from receiver.stores.bucket.listing import documents, lines_of, table
from storage.labels.matchers import Matcher
from tests.makers.blocks import write_block
from tests.makers.buckets.blocks import set_meta
from tests.receiver.importing.tsdb.test_block import WRITTEN
from tests.receiver.stores.bucket.test_view import EDGE, ULIDS, mark, view_of


def test_which_blocks_there_are(tmp_path: Path) -> None:
    stats = {"numSeries": 2, "numSamples": 6, "numChunks": 3}
    set_meta(write_block(tmp_path, WRITTEN, ulid=ULIDS[0], **EDGE), stats=stats)
    mark(write_block(tmp_path, WRITTEN, ulid=ULIDS[1], **EDGE), ago_s=2 * 3600)
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[2]) / "meta.json").unlink()
    (write_block(tmp_path, WRITTEN, ulid=ULIDS[3]) / "meta.json").write_text("{")
    set_meta(
        write_block(tmp_path, WRITTEN, ulid=ULIDS[4], labels={"x": "y"}, source="sidecar"),
        compaction={"level": 2, "sources": [ULIDS[4], ULIDS[5]]}, stats=[],
    )  # fmt: skip
    write_block(tmp_path, WRITTEN, ulid=ULIDS[5], labels={"x": "y"})
    view = view_of(tmp_path)
    view.refresh()
    lines = {line.ulid: line for line in lines_of(view)}
    assert {ulid: line.state for ulid, line in lines.items()} == {
        ULIDS[0]: "used", ULIDS[1]: "marked for deletion", ULIDS[2]: "not whole",
        ULIDS[3]: "unreadable", ULIDS[4]: "used", ULIDS[5]: "superseded",
    }  # fmt: skip
    first, made = lines[ULIDS[0]], lines[ULIDS[4]]
    assert (first.series, first.samples, first.chunks) == (2, 6, 3)
    assert (made.series, made.level, made.source) == (-1, 2, "sidecar")
    assert first.size > 100
    assert [line.ulid for line in lines_of(view, [Matcher("x", "=", "y")])] == ULIDS[4:6]
    text = list(table(lines_of(view)))
    assert text[-1].startswith("6 blocks, ")
    assert any("its meta.json cannot be read" in line for line in text)
    assert any(line.startswith(f"{ULIDS[0]}  1970-01-01T00:00:01Z") for line in text)
    assert {document["state"] for document in documents(lines_of(view))} >= {"used", "not whole"}
