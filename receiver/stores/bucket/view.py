"""The blocks of a bucket in Thanos' layout, as it listed them last; a thread looks for new ones.

Invariants:
* The bucket is only read.
* What a query sees of the list of blocks does not change under it.
* A block is there once its meta.json is: what is on its way, or partly deleted, is not.
* A block that cannot be understood costs itself.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from receiver.importing.bucket import files_by_block
from receiver.importing.errors import BlockError
from receiver.importing.tsdb.block import Meta, parse_meta
from receiver.importing.tsdb.files import DELETION_FILE, META_FILE
from receiver.stores.bucket.block import Kept, KnownBlock
from receiver.stores.bucket.choosing import live
from receiver.stores.bucket.header import Headers
from receiver.stores.bucket.pages import Pages
from storage.errors import ObjectMissing, StoreFailed
from storage.objects.store import ObjectStore

logger = logging.getLogger(__name__)

METAS_AT_ONCE = 16
# Blocks that a warning names.
EXAMPLES_MAX = 3


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """Times in ms, sizes in bytes. deletion_delay_ms: how long a block is used after it was marked
    for deletion, so that what replaces it is known everywhere."""

    interval_ms: int
    deletion_delay_ms: int
    pages_bytes_max: int
    headers_bytes_max: int


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What a block says of itself that is of use to people alone. level: how often it was
    compacted; source: what wrote it; the numbers are -1 where they are not known."""

    level: int = -1
    source: str = ""
    series: int = -1
    samples: int = -1
    chunks: int = -1


@dataclass(frozen=True, slots=True)
class Described:
    """What was read of a block once. sizes: what it had then; marked_ms: when it was marked for
    deletion, 0: it is not; problem: why there is no meta, or what is wrong with it."""

    sizes: Mapping[str, int]
    meta: Meta | None
    marked_ms: int = 0
    problem: str = ""
    facts: BlockFacts = BlockFacts()


class BucketView:
    """The blocks of one bucket. start() and stop() once; all else from any thread.

    blocks: those that are read; described: all that have a meta.json; partial: folders of blocks
    without one.
    """

    def __init__(self, store: ObjectStore, options: ViewOptions) -> None:
        self.store = store
        self.kept = Kept(
            Pages(store, options.pages_bytes_max), Headers(store, options.headers_bytes_max)
        )
        self._options = options
        self.described: dict[str, Described] = {}
        self.partial: tuple[str, ...] = ()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="thanos-bucket", daemon=True)
        self.blocks: tuple[KnownBlock, ...] = ()
        self.problems: tuple[str, ...] = ()
        self.checked_ms = 0
        self.error = "it has not been listed yet"

    @property
    def name(self) -> str:
        return f"bucket {self.store.place}"

    @property
    def span(self) -> tuple[int, int] | None:
        """From the first to the last sample that blocks may have; None without blocks."""
        blocks = self.blocks
        if not blocks:
            return None
        return min(b.meta.start_ms for b in blocks), max(b.meta.end_ms for b in blocks) - 1

    @property
    def label_sets(self) -> list[Mapping[str, str]]:
        """The sets of external labels of blocks, each once."""
        sets = {tuple(sorted(b.meta.series_labels.items())) for b in self.blocks}
        return [dict(each) for each in sorted(sets) if each]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self.store.close()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Look what there is. What cannot be listed leaves what was known before."""
        try:
            listed = files_by_block(self.store.listed(""))
            self._describe(listed)
        except (StoreFailed, ObjectMissing) as error:
            self._note(str(error))
            return
        now_ms = time.time_ns() // 1_000_000
        found = {ulid: each for ulid, each in self.described.items() if self._counts(each, now_ms)}
        metas = live(each.meta for each in found.values() if each.meta is not None)
        self.problems = problems_of(found)
        self.blocks = tuple(KnownBlock(meta, found[meta.ulid].sizes) for meta in metas)
        self._note("")

    def _counts(self, found: Described, now_ms: int) -> bool:
        """Whether a block is not to be left because it is marked for deletion."""
        return not found.marked_ms or now_ms < found.marked_ms + self._options.deletion_delay_ms

    def _describe(self, listed: Mapping[str, Mapping[str, int]]) -> None:
        whole = {ulid: sizes for ulid, sizes in listed.items() if META_FILE in sizes}
        known = self.described
        self.partial = tuple(sorted(listed.keys() - whole.keys()))
        new = [
            ulid for ulid, sizes in whole.items() if ulid not in known or known[ulid].sizes != sizes
        ]
        with ThreadPoolExecutor(METAS_AT_ONCE, thread_name_prefix="metas") as pool:
            read = dict(zip(new, pool.map(lambda u: describe(self.store, u, whole[u]), new),
                strict=True))  # fmt: skip
        for ulid, each in read.items():
            if each.problem:
                logger.warning("block cannot be read block=%s error=%r", ulid, each.problem)
        self.kept.headers.forget(set(known) - set(whole))
        self.described = {ulid: read.get(ulid) or known[ulid] for ulid in whole}

    def _note(self, error: str) -> None:
        if bool(error) != bool(self.error) or not self.checked_ms:
            level = logging.WARNING if error else logging.INFO
            logger.log(
                level, "bucket of blocks place=%s blocks=%d error=%r",
                self.store.place, len(self.blocks), error,
            )  # fmt: skip
        self.checked_ms, self.error = time.time_ns() // 1_000_000, error

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.refresh()
            except Exception as error:  # the thread must go on
                logger.exception("bucket of blocks was not listed")
                self._note(repr(error))
            self._ending.wait(self._options.interval_ms / 1000)


def describe(store: ObjectStore, ulid: str, sizes: Mapping[str, int]) -> Described:
    """What a block says of itself. Raises StoreFailed."""
    try:
        text = store.get(f"{ulid}/{META_FILE}").content.decode(errors="replace")
        meta = parse_meta(text, is_deleted=DELETION_FILE in sizes)
        if meta.ulid != ulid:
            raise BlockError(f"its {META_FILE} is of block {meta.ulid}")
        if meta.start_ms >= meta.end_ms:
            raise BlockError(f"its {META_FILE} has times {meta.start_ms} to {meta.end_ms}")
        marked_ms = mark_ms(store, ulid) if meta.is_deleted else 0
        facts = facts_of(json.loads(text))
    except ObjectMissing:
        return Described(sizes, None)
    except BlockError as error:
        return Described(sizes, None, problem=str(error))
    wrong = [name for name, size in meta.file_sizes.items() if sizes.get(name) != size]
    if wrong and META_FILE not in wrong:
        problem = f"{wrong[0]} has {sizes.get(wrong[0], 0)} bytes, not {meta.file_sizes[wrong[0]]}"
        return Described(sizes, meta, marked_ms, problem, facts)
    return Described(sizes, meta, marked_ms, "", facts)


def facts_of(document: Mapping[str, Any]) -> BlockFacts:
    """What is said for people; what is of another form is not known."""
    stats = document.get("stats")
    stats = stats if isinstance(stats, dict) else {}
    numbers = {
        field: number if isinstance(number, int) else -1
        for field, key in (("series", "Series"), ("samples", "Samples"), ("chunks", "Chunks"))
        for number in [stats.get(f"num{key}")]
    }
    level = (document.get("compaction") or {}).get("level")
    source = (document.get("thanos") or {}).get("source")
    return BlockFacts(level if isinstance(level, int) else -1, str(source or ""), **numbers)


def mark_ms(store: ObjectStore, ulid: str) -> int:
    """When a block was marked for deletion, in ms; long ago if its mark cannot be read. Raises
    StoreFailed, ObjectMissing."""
    try:
        mark = json.loads(store.get(f"{ulid}/{DELETION_FILE}").content)
        return max(1, int(mark["deletion_time"]) * 1000)
    except (ValueError, KeyError, TypeError):
        return 1


def problems_of(found: Mapping[str, Described]) -> tuple[str, ...]:
    """A sentence about blocks that are not as they should be."""
    wrong = [f"block {ulid}: {each.problem}" for ulid, each in found.items() if each.problem]
    if len(wrong) > EXAMPLES_MAX:
        return (*wrong[:EXAMPLES_MAX], f"and {len(wrong) - EXAMPLES_MAX} blocks more")
    return tuple(wrong)
