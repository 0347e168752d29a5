"""The finished blocks of a Prometheus, copied to a bucket in Thanos' layout.

What was uploaded is noted in `thanos.shipper.json` in the directory of the blocks, as Thanos' own
sidecar does: either goes on where the other ended.

Invariants:
* meta.json is written last. A block that is in the bucket without one is on its way, and is
  written again as a whole.
* A block is linked aside before it is read: a Prometheus that deletes it meanwhile takes nothing
  from it.
* A block that failed costs no other, and is tried again at the next round.
"""

import json
import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from receiver.importing.bucket import ULID
from receiver.importing.tsdb.files import CHUNKS, INDEX_FILE, META_FILE, TOMBSTONES_FILE
from storage.errors import ObjectMissing, StoreFailed
from storage.files import sync_directory, sync_file
from storage.objects.store import ObjectStore

logger = logging.getLogger(__name__)

STATE_FILE = "thanos.shipper.json"
STATE_VERSION = META_VERSION = 1
# Where blocks are linked to while they are uploaded.
ASIDE = Path("thanos") / "upload"
SOURCE = "sidecar"


class ShippingMetrics:
    """What became of blocks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.uploads = Counter(
            "cupola_sidecar_uploads_total",
            "Blocks that were uploaded.",
            registry=registry,
        )
        self.failures = Counter(
            "cupola_sidecar_upload_failures_total",
            "Blocks that could not be uploaded, and are tried again.",
            registry=registry,
        )
        self.waiting = Gauge(
            "cupola_sidecar_blocks_waiting",
            "Blocks that are to be uploaded.",
            registry=registry,
        )


@dataclass(slots=True)
class Shipper:
    """Copies blocks from a directory, but for those that the Prometheus made of others."""

    directory: Path
    store: ObjectStore
    metrics: ShippingMetrics
    _uploaded: dict[str, None] = field(default_factory=dict)
    _is_read: bool = False

    def sync(self, labels: Mapping[str, str], stopped: Callable[[], bool] = lambda: False) -> int:
        """Upload what is new; how many blocks were. Raises OSError if the directory cannot be
        read."""
        self._read_state()
        shutil.rmtree(self.directory / ASIDE, ignore_errors=True)
        here = self._blocks()
        # What is not here any more need not be known.
        self._uploaded = {ulid: None for ulid in self._uploaded if ulid in here}
        waiting = {ulid: meta for ulid, meta in here.items() if ulid not in self._uploaded}
        self.metrics.waiting.set(len(waiting))
        done = 0
        for ulid, meta in sorted(waiting.items(), key=lambda each: (each[1]["minTime"], each[0])):
            if stopped():
                break
            try:
                done += self._ship(ulid, meta, labels)
            except (StoreFailed, OSError) as error:
                self.metrics.failures.inc()
                logger.warning("block not uploaded block=%s error=%r", ulid, str(error))
                continue
            self._uploaded[ulid] = None
            self._write_state()
            self.metrics.waiting.dec()
        if not done:
            self._write_state()
        return done

    def _ship(self, ulid: str, meta: dict[str, Any], labels: Mapping[str, str]) -> bool:
        """Upload a block, unless the bucket has all of it. Whether it was uploaded."""
        with suppress(ObjectMissing):
            self.store.get(f"{ulid}/{META_FILE}")
            return False
        aside = self.directory / ASIDE / ulid
        try:
            link(self.directory / ulid, aside)
            sizes = {
                path.relative_to(aside).as_posix(): path.stat().st_size
                for path in sorted(aside.rglob("*"))
                if path.is_file()
            }
            for name in sizes:
                self.store.put(f"{ulid}/{name}", aside / name)
            described = {**meta, "thanos": about(labels, sizes)}
            self.store.put(f"{ulid}/{META_FILE}", json.dumps(described, indent="\t").encode())
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        self.metrics.uploads.inc()
        logger.info("block uploaded block=%s files=%d", ulid, len(sizes))
        return True

    def _blocks(self) -> dict[str, dict[str, Any]]:
        """What blocks that are to be uploaded say of themselves."""
        found = {}
        for ulid in ulids_in(self.directory):
            path = self.directory / ulid
            try:
                meta = json.loads((path / META_FILE).read_text())
                is_first = int((meta.get("compaction") or {}).get("level", 1)) <= 1
                has_samples = (meta.get("stats") or {}).get("numSamples", 1) > 0
                int(meta["minTime"])
            except FileNotFoundError:
                continue  # it is being written, or deleted
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                logger.warning("block cannot be read block=%s error=%r", path.name, error)
                continue
            if has_samples and is_first:
                found[path.name] = meta
        return found

    def _read_state(self) -> None:
        """What was uploaded, by this program or by another one before; nothing if that cannot be
        read: the bucket is asked then."""
        if self._is_read:
            return
        self._is_read = True
        try:
            state = json.loads((self.directory / STATE_FILE).read_text())
            if state["version"] == STATE_VERSION:
                self._uploaded = {str(ulid): None for ulid in state.get("uploaded") or ()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s cannot be read error=%r", STATE_FILE, error)

    def _write_state(self) -> None:
        state = {"version": STATE_VERSION, "uploaded": list(self._uploaded)}
        path = self.directory / STATE_FILE
        fresh = path.with_name(f"{STATE_FILE}.tmp")
        fresh.write_text(json.dumps(state, indent="\t"))
        sync_file(fresh)
        fresh.replace(path)
        sync_directory(self.directory)


def ulids_in(directory: Path) -> list[str]:
    """The blocks of a directory that are there as a whole. Raises OSError."""
    paths = (path for path in directory.iterdir() if ULID.fullmatch(path.name))
    return [path.name for path in paths if (path / META_FILE).exists()]


def link(block: Path, aside: Path, *, with_tombstones: bool = False) -> None:
    """Give what is read of a block a second name. Raises OSError."""
    (aside / CHUNKS).mkdir(parents=True)
    for path in (*sorted((block / CHUNKS).iterdir()), block / INDEX_FILE):
        os.link(path, aside / path.relative_to(block))
    if with_tombstones and (block / TOMBSTONES_FILE).exists():
        os.link(block / TOMBSTONES_FILE, aside / TOMBSTONES_FILE)


def about(labels: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, Any]:
    """The section of meta.json that is Thanos'."""
    files = [{"rel_path": name, "size_bytes": size} for name, size in sorted(sizes.items())]
    segments = [name.partition("/")[2] for name in sorted(sizes) if name.startswith(f"{CHUNKS}/")]
    return {
        "version": META_VERSION,
        "labels": dict(labels),
        "downsample": {"resolution": 0},
        "source": SOURCE,
        "segment_files": segments,
        "files": [*files, {"rel_path": META_FILE}],
        "index_stats": {},
    }


class Shipping:
    """A thread that looks for blocks. start() and stop() once.

    fit: the labels of blocks, None as long as none may be uploaded.
    """

    def __init__(
        self, shipper: Shipper, fit: Callable[[], Mapping[str, str] | None], interval_s: float
    ) -> None:
        self._shipper = shipper
        self._fit = fit
        self._interval_s = interval_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._shipper.store.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            labels = self._fit()
            try:
                if labels is not None:
                    self._shipper.sync(labels, self._ending.is_set)
            except Exception:  # the thread must go on
                logger.exception("blocks were not uploaded")
            # As long as it is not known yet whether they may be, it is looked soon again.
            self._ending.wait(self._interval_s if labels is not None else 1.0)
