"""Buckets in Thanos' layout: of a directory, and of a server that fails now and then."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.importing.blocks import BlockSource
from receiver.importing.bucket import FetchedFiles, bucket_source, files_by_block
from receiver.importing.errors import BlockError, SourceError
from receiver.importing.parts import ALWAYS, Report
from storage.objects.store import Listed, ObjectStore
from tests.makers.blocks import write_block
from tests.makers.buckets.faults import Fault, FaultProxy
from tests.makers.buckets.servers import (
    directory_store,
    directory_text,
    s3_server,
    s3_text,
    store_of,
)
from tests.makers.imports import Found, found_in, imported, parts_of, stored
from tests.receiver.importing.test_blocks import OPENMETRICS
from tests.receiver.importing.tsdb.test_block import FIRST, SECOND, WRITTEN, A, B, series

ULIDS = [f"01H000000000000000000000{k:02d}" for k in range(9)]
EDGE = {"labels": {"replica": "r1", "__shard__": "1_of_2"}, "downsample": {"resolution": 0}}
OUTER = ("replica", "r1")


def source(store: ObjectStore, tmp_path: Path, report: Report | None = None) -> BlockSource:
    return bucket_source(store, tmp_path / "fetched", report or Report(), ALWAYS)


def with_outer(found: Found) -> Found:
    return {tuple(sorted((*key, OUTER))): points for key, points in found.items()}


def test_blocks_of_a_bucket(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    write_block(bucket, WRITTEN, ulid=ULIDS[0], **EDGE)
    # What the compactor leaves for a while, what is on its way, and what is none of it.
    (write_block(bucket, WRITTEN, ulid=ULIDS[1], **EDGE) / "deletion-mark.json").write_text("{}")
    (write_block(bucket, WRITTEN, ulid=ULIDS[2], **EDGE) / "meta.json").unlink()
    write_block(bucket, WRITTEN, ulid=ULIDS[3], labels={}, downsample={"resolution": 300_000})
    (write_block(bucket, WRITTEN, ulid=ULIDS[4]) / "meta.json").write_text("{")
    (bucket / "debug" / "metas").mkdir(parents=True)
    (bucket / "debug" / "metas" / "x.json").write_text("{}")
    report = Report()
    store = directory_store(bucket)
    parts = parts_of(source(store, tmp_path, report))
    assert found_in(parts) == with_outer({A: FIRST + SECOND, B: FIRST})
    assert {part.unit for part in parts} == {ULIDS[0]}
    assert not list((tmp_path / "fetched").iterdir())
    lines = "\n".join(report.lines())
    assert "1 blocks are marked for deletion" in lines
    assert f"1 blocks have no meta.json, so they are not uploaded as a whole, or partly deleted: " \
        f"left out, such as {ULIDS[2]}" in lines  # fmt: skip
    assert "1 downsampled blocks are left out" in lines
    assert f"not imported: 1 blocks\n    block {ULIDS[4]}: its meta.json cannot be read" in lines
    store.close()


def test_blocks_below_a_prefix_only(tmp_path: Path) -> None:
    write_block(tmp_path / "bucket" / "tenant", WRITTEN, ulid=ULIDS[0])
    store = directory_store(tmp_path / "bucket", "tenant")
    assert found_in(parts_of(source(store, tmp_path))) == {A: FIRST + SECOND, B: FIRST}
    store.close()
    store = directory_store(tmp_path / "bucket")
    with pytest.raises(SourceError, match="has no blocks: folders named by a ULID"):
        source(store, tmp_path)
    store.close()


def test_files_that_are_not_as_their_block_says(tmp_path: Path) -> None:
    files = [
        {"rel_path": "chunks/000002", "size_bytes": 7},
        {"rel_path": "index", "size_bytes": 3},
        {"rel_path": "meta.json"},
    ]
    path = write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[0], files=files)
    size = (path / "index").stat().st_size
    report = Report()
    store = directory_store(tmp_path / "bucket")
    assert found_in(parts_of(source(store, tmp_path, report))) == {A: FIRST + SECOND, B: FIRST}
    assert report.losses["damaged files of blocks"].examples == [
        f"block {ULIDS[0]}: chunks/000002 is missing, not 7",
        f"block {ULIDS[0]}: index is {size} bytes, not 3",
    ]
    store.close()


def test_a_block_that_goes_away_costs_no_other(tmp_path: Path) -> None:
    gone = write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[0])
    write_block(tmp_path / "bucket", [series("b", FIRST)], ulid=ULIDS[1])
    report = Report()
    store = directory_store(tmp_path / "bucket")
    blocks = source(store, tmp_path, report)
    shutil.rmtree(gone)
    assert found_in(parts_of(blocks)) == {B: FIRST}
    assert report.losses["blocks"].examples == [
        f"block {ULIDS[0]}: index went away from the bucket; import once more"
    ]
    store.close()


def test_the_disk_has_a_few_files_at_a_time(tmp_path: Path) -> None:
    store = directory_store(tmp_path / "bucket")
    store.put(f"{ULIDS[0]}/chunks/000001", b"abc")
    files = FetchedFiles(store, ULIDS[0], {"chunks/000001": 3, "index": 1 << 60}, tmp_path / "f")
    path = files.fetch("chunks/000001")
    assert path.read_bytes() == b"abc"
    files.release("chunks/000001")
    assert not path.exists()
    with pytest.raises(SourceError, match=r"1152921504606846976 bytes are needed.*--fetch-direc"):
        files.fetch("index")
    with pytest.raises(BlockError, match=f"the bucket has no {ULIDS[0]}/tombstones"):
        files.fetch("tombstones")
    files.close()
    assert not (tmp_path / "f" / ULIDS[0]).exists()
    store.close()


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(lost_answer=True), Fault(half=True)])
def test_a_server_that_fails_now_and_then(fault: Fault, tmp_path: Path) -> None:
    write_block(tmp_path / "blocks", WRITTEN, ulid=ULIDS[0], **EDGE)
    with s3_server(tmp_path) as server:
        upload(tmp_path / "blocks", store_of(server))
        proxy = FaultProxy(server, lambda method, path, number: fault if number % 2 == 0 else None)
        with proxy.running():
            store = store_of(proxy.address)
            found = found_in(parts_of(source(store, tmp_path)))
            store.close()
        assert proxy.faults >= 4
    assert found == with_outer({A: FIRST + SECOND, B: FIRST})


def upload(directory: Path, store: ObjectStore) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(directory).as_posix(), path)
    store.close()


def test_what_is_imported_is_not_fetched_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_block(tmp_path / "bucket", WRITTEN, ulid=ULIDS[0])
    (tmp_path / "bucket.yml").write_text(directory_text(tmp_path / "bucket"))
    data, flag = tmp_path / "data", f"--bucket={tmp_path / 'bucket.yml'}"
    assert imported(data, flag) == {A: FIRST + SECOND, B: FIRST}
    assert "imported 6 samples" in capsys.readouterr().out
    (tmp_path / "bucket" / ULIDS[0] / "index").write_bytes(b"not looked at")
    imported(data, flag)
    assert "imported 0 samples" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_blocks_of_promtool_in_a_bucket_of_s3(tmp_path: Path) -> None:
    (tmp_path / "a.om").write_text(OPENMETRICS)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "a.om", "blocks"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    imported(tmp_path / "plain", str(tmp_path / "blocks"))
    blocks = list((tmp_path / "blocks").iterdir())
    for path in blocks:
        in_layout_of_thanos(path)
    with s3_server(tmp_path) as server:
        upload(tmp_path / "blocks", store_of(server))
        (tmp_path / "bucket.yml").write_text(s3_text(server))
        imported(tmp_path / "data", f"--bucket={tmp_path / 'bucket.yml'}")
    assert len(blocks) > 1
    # As texts, for which NaN is NaN.
    found, wanted = stored(tmp_path / "data"), with_outer(stored(tmp_path / "plain"))
    assert sorted(map(repr, found.items())) == sorted(map(repr, wanted.items()))
    assert not list((tmp_path / "data" / "import-fetched").iterdir())


def in_layout_of_thanos(block: Path) -> None:
    """Describe a block of Prometheus as an uploading sidecar does."""
    names = ["index", *(f"chunks/{path.name}" for path in (block / "chunks").iterdir())]
    files = [{"rel_path": name, "size_bytes": (block / name).stat().st_size} for name in names]
    meta = json.loads((block / "meta.json").read_text())
    files.append({"rel_path": "meta.json"})
    meta["thanos"] = {**EDGE, "version": 1, "source": "sidecar", "files": files}
    (block / "meta.json").write_text(json.dumps(meta))


def test_listings_without_blocks() -> None:
    listed = [Listed(name, 1, 0) for name in (ULIDS[0], f"{ULIDS[0]}x/index", "a/index")]
    assert files_by_block([*listed, Listed(f"{ULIDS[1]}/a/b", 2, 0)]) == {ULIDS[1]: {"a/b": 2}}
