"""meta.json survives the way to disk; damage is found; only leftovers of a crash are removed."""

import json
from pathlib import Path

import pytest

from storage.errors import FormatError
from storage.segments.segment import (
    Origin,
    SegmentMeta,
    clean_directory,
    file_sum,
    missing_segments,
    read_meta,
    remove_segment,
    verify_segment,
    write_meta,
)
from storage.segments.ulid import new_ulid


def make_segment(directory: Path, now_ms: int = 1) -> SegmentMeta:
    meta = SegmentMeta(
        ulid=new_ulid(now_ms), shard=3, min_ms=-5, max_ms=2**62, samples=2, series=1, bytes=9,
        created_ms=now_ms,
    )  # fmt: skip
    path = directory / meta.ulid
    path.mkdir(parents=True)
    (path / "samples.parquet").write_bytes(b"contents")
    write_meta(path, meta, {"samples.parquet": file_sum(path / "samples.parquet")})
    return meta


def test_meta_round_trip(tmp_path: Path) -> None:
    meta = make_segment(tmp_path)
    assert read_meta(tmp_path / meta.ulid).segment == meta
    assert verify_segment(tmp_path / meta.ulid) == meta


def test_meta_of_older_programs(tmp_path: Path) -> None:
    """They knew no ranks and no sources."""
    meta = make_segment(tmp_path)
    path = tmp_path / meta.ulid / "meta.json"
    older = json.loads(path.read_text())
    del older["segment"]["rank"], older["sources"]
    path.write_text(json.dumps(older))
    assert read_meta(path.parent).segment == meta
    assert read_meta(path.parent).sources == ()


def test_meta_says_what_a_segment_was_made_of(tmp_path: Path) -> None:
    meta = make_segment(tmp_path)
    sources = (new_ulid(1), new_ulid(2))
    write_meta(tmp_path / meta.ulid, meta, {}, Origin(level=1, sources=sources))
    assert read_meta(tmp_path / meta.ulid).sources == sources


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "cannot read"),
        (b"{", "cannot read"),
        (b"{}", "missing required field"),
        (b'{"format": 1, "segment": 4, "files": {}}', "Expected `object`"),
        (None, "cannot read"),
    ],
)
def test_damaged_meta(tmp_path: Path, contents: bytes | None, message: str) -> None:
    path = tmp_path / make_segment(tmp_path).ulid
    (path / "meta.json").unlink()
    if contents is not None:
        (path / "meta.json").write_bytes(contents)
    with pytest.raises(FormatError, match=message):
        read_meta(path)


def test_unknown_version(tmp_path: Path) -> None:
    path = tmp_path / make_segment(tmp_path).ulid / "meta.json"
    path.write_bytes(path.read_bytes().replace(b'"format": 3', b'"format": 5'))
    with pytest.raises(FormatError, match="segment format 5, this program reads 1 to 4"):
        read_meta(path.parent)


@pytest.mark.parametrize("contents", [b"", b"content", b"Contents", None])
def test_verify_finds_damage(tmp_path: Path, contents: bytes | None) -> None:
    path = tmp_path / make_segment(tmp_path).ulid / "samples.parquet"
    path.unlink()
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(FormatError, match="samples.parquet"):
        verify_segment(path.parent)


def test_clean_directory_removes_leftovers_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known, unknown = make_segment(tmp_path), make_segment(tmp_path)
    temporary = new_ulid(5) + ".tmp"
    for name in (temporary, "notes", "notes.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "readme.txt").write_text("mine")
    assert clean_directory(tmp_path, {known.ulid}) == sorted([unknown.ulid, temporary])
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([known.ulid, "notes", "notes.tmp", "readme.txt"])
    assert unknown.ulid in caplog.text
    assert clean_directory(tmp_path, {known.ulid}) == []


def test_missing_segments(tmp_path: Path) -> None:
    here, emptied = make_segment(tmp_path), make_segment(tmp_path)
    (tmp_path / emptied.ulid / "meta.json").unlink()
    gone = new_ulid(9)
    known = {here.ulid, emptied.ulid, gone}
    assert missing_segments(tmp_path, known) == sorted([emptied.ulid, gone])


def test_remove_segment(tmp_path: Path) -> None:
    meta = make_segment(tmp_path)
    remove_segment(tmp_path, meta.ulid)
    assert list(tmp_path.iterdir()) == []
