"""Blocks in a bucket: what is uploaded, once, whole, whatever breaks meanwhile."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.sidecar.shipping import ASIDE, STATE_FILE, Shipper, Shipping, ShippingMetrics
from storage.errors import StoreFailed
from storage.objects.store import ObjectStore
from tests.makers.blocks import write_block
from tests.makers.buckets.blocks import set_meta
from tests.makers.buckets.servers import directory_store
from tests.receiver.importing.tsdb.test_block import WRITTEN
from tests.receiver.stores.bucket.test_view import ULIDS, view_of

EU = {"cluster": "eu", "replica": "a"}
PATIENCE_S = 60


class Failing:
    """A store that fails at the n-th object that is written."""

    def __init__(self, store: ObjectStore, at: int) -> None:
        self._store, self._at = store, at
        self.put_names: list[str] = []

    def get(self, name: str) -> object:
        return self._store.get(name)

    def put(self, name: str, content: bytes | Path) -> None:
        self.put_names.append(name)
        if len(self.put_names) == self._at:
            raise StoreFailed("no connection")
        self._store.put(name, content)


def shipper(tmp_path: Path, fails_at: int = 0) -> tuple[Shipper, Failing]:
    store = Failing(directory_store(tmp_path / "bucket"), fails_at)
    metrics = ShippingMetrics(CollectorRegistry())
    return Shipper(tmp_path / "tsdb", store, metrics), store  # type: ignore[arg-type]


def in_bucket(tmp_path: Path) -> list[str]:
    return sorted(path.parent.name for path in (tmp_path / "bucket").glob("*/meta.json"))


def state(tmp_path: Path) -> Mapping[str, object]:
    return dict(json.loads((tmp_path / "tsdb" / STATE_FILE).read_text()))


def test_finished_blocks_are_uploaded_once(tmp_path: Path) -> None:
    tsdb = tmp_path / "tsdb"
    for ulid in ULIDS[:2]:
        write_block(tsdb, WRITTEN, ulid=ulid)
    set_meta(write_block(tsdb, WRITTEN, ulid=ULIDS[2]), compaction={"level": 2})
    set_meta(write_block(tsdb, WRITTEN, ulid=ULIDS[3]), stats={"numSamples": 0})
    (write_block(tsdb, WRITTEN, ulid=ULIDS[4]) / "meta.json").unlink()
    (write_block(tsdb, WRITTEN, ulid=ULIDS[5]) / "meta.json").write_text("{")
    (tsdb / "wal").mkdir()
    ours, store = shipper(tmp_path)
    assert ours.sync(EU) == 2
    assert in_bucket(tmp_path) == ULIDS[:2]
    assert store.put_names[:3] == [
        f"{ULIDS[0]}/chunks/000001", f"{ULIDS[0]}/index", f"{ULIDS[0]}/meta.json",
    ]  # fmt: skip
    assert state(tmp_path) == {"version": 1, "uploaded": ULIDS[:2]}
    assert ours.sync(EU) == 0
    assert not (tsdb / ASIDE / ULIDS[0]).exists()
    # It is what readers of a bucket want.
    view = view_of(tmp_path / "bucket")
    view.refresh()
    assert view.label_sets == [EU] and view.problems == ()
    meta = json.loads((tmp_path / "bucket" / ULIDS[0] / "meta.json").read_text())
    assert meta["minTime"] == 1000
    thanos = meta["thanos"]
    assert (thanos["source"], thanos["segment_files"]) == ("sidecar", ["000001"])
    assert [file["rel_path"] for file in thanos["files"]] == [
        "chunks/000001", "index", "meta.json",
    ]  # fmt: skip


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_upload_that_breaks_is_none_and_is_made_again(tmp_path: Path, fails_at: int) -> None:
    for ulid in ULIDS[:2]:
        write_block(tmp_path / "tsdb", WRITTEN, ulid=ulid)
    broken, _ = shipper(tmp_path, fails_at)
    assert broken.sync(EU) == 1
    assert in_bucket(tmp_path) == [ULIDS[1]]
    assert state(tmp_path)["uploaded"] == [ULIDS[1]]
    again, store = shipper(tmp_path)
    assert again.sync(EU) == 1
    assert in_bucket(tmp_path) == ULIDS[:2]
    assert store.put_names == [f"{ULIDS[0]}/{n}" for n in ("chunks/000001", "index", "meta.json")]


def test_a_restart_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Also where Thanos' own sidecar did, and where no one knows any more."""
    for ulid in ULIDS[:3]:
        write_block(tmp_path / "tsdb", WRITTEN, ulid=ulid)
    uploaded = {"version": 1, "uploaded": [ULIDS[0], "01GONE"]}
    (tmp_path / "tsdb" / STATE_FILE).write_text(json.dumps(uploaded))
    shutil.copytree(tmp_path / "tsdb" / ULIDS[1], tmp_path / "bucket" / ULIDS[1])
    ours, store = shipper(tmp_path)
    assert ours.sync(EU) == 1
    assert in_bucket(tmp_path) == ULIDS[1:3]
    assert {name.partition("/")[0] for name in store.put_names} == {ULIDS[2]}
    assert state(tmp_path)["uploaded"] == ULIDS[:3]
    (tmp_path / "tsdb" / STATE_FILE).write_text("{")
    ours, store = shipper(tmp_path)
    assert ours.sync(EU) == 1  # the one that the state knew and the bucket did not
    assert in_bucket(tmp_path) == ULIDS[:3]


def test_what_a_prometheus_deletes_meanwhile_is_uploaded_whole(tmp_path: Path) -> None:
    block = write_block(tmp_path / "tsdb", WRITTEN, ulid=ULIDS[0])
    ours, store = shipper(tmp_path)
    put = store.put

    def deleting(name: str, content: bytes | Path) -> None:
        shutil.rmtree(block, ignore_errors=True)
        put(name, content)

    store.put = deleting  # type: ignore[method-assign]
    assert ours.sync(EU) == 1
    assert (tmp_path / "bucket" / ULIDS[0] / "index").stat().st_size > 100


def test_it_ends_between_two_blocks(tmp_path: Path) -> None:
    for ulid in ULIDS[:2]:
        write_block(tmp_path / "tsdb", WRITTEN, ulid=ulid)
    ours, _ = shipper(tmp_path)
    assert ours.sync(EU, lambda: bool(in_bucket(tmp_path))) == 1


def test_a_thread_waits_until_blocks_may_be_uploaded(tmp_path: Path) -> None:
    write_block(tmp_path / "tsdb", WRITTEN, ulid=ULIDS[0])
    store = directory_store(tmp_path / "bucket")
    ours = Shipper(tmp_path / "tsdb", store, ShippingMetrics(CollectorRegistry()))
    asked: list[Mapping[str, str] | None] = [None]
    shipping = Shipping(ours, lambda: asked[-1], 0.01)
    shipping.start()
    assert in_bucket(tmp_path) == []
    asked.append(EU)
    deadline = time.monotonic() + PATIENCE_S
    while in_bucket(tmp_path) != [ULIDS[0]]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shipping.stop()
