"""The finished blocks of a Prometheus as segments: imported into a data directory of the sidecar's
own, which keeps them in a bucket (storage.bucket), so that a server of role `query` reads them.

Invariants:
* What is done is remembered once it is durable here: a block that was broken off goes on where it
  ended, and one that failed costs no other and is tried again at the next round.
* A block is linked aside before it is read: a Prometheus that deletes it takes nothing from it.
* A block that the Prometheus made of others is imported only if one of those was not.
"""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from receiver.importing.blocks import FINISHED, BlockSource
from receiver.importing.choice import FoundBlock
from receiver.importing.errors import BlockError, ImportFailed
from receiver.importing.parts import ALWAYS, Report
from receiver.importing.run import Progress, Run
from receiver.importing.state import State
from receiver.importing.targets import Target
from receiver.importing.tsdb.block import Meta, read_meta
from receiver.importing.tsdb.files import LocalFiles
from receiver.sidecar.shipping import ASIDE, ShippingMetrics, link, ulids_in

logger = logging.getLogger(__name__)

STATE_FILE = "sidecar-blocks.json"
KEY = "blocks"


@dataclass(slots=True)
class Converter:
    """Imports the blocks of a directory. For one task; target: it reports there what it refuses;
    state: the file that says what is done."""

    directory: Path
    target: Target
    report: Report
    state: Path
    metrics: ShippingMetrics
    _state: State | None = field(default=None, init=False)

    async def sync(self, labels: Mapping[str, str]) -> int:
        """Import what is new, with these external labels; how many blocks were. Raises OSError,
        ImportFailed if directories cannot be read or written."""
        if self._state is None:
            self._state = State(self.state, KEY)
        here = await asyncio.to_thread(self._blocks)
        self._forget(here)
        waiting = [meta for meta in here if not self._is_done(meta)]
        self.metrics.waiting.set(len(waiting))
        done = 0
        for meta in waiting:
            if await self._imported(meta, labels):
                done += 1
                self.metrics.waiting.dec()
        return done

    async def _imported(self, meta: Meta, labels: Mapping[str, str]) -> bool:
        assert self._state is not None
        progress, report = Progress(lambda _: None), self.report
        aside = self.directory / ASIDE / meta.ulid
        try:
            await asyncio.to_thread(linked, self.directory / meta.ulid, aside)
            block = FoundBlock(replace(meta, labels=dict(labels)), LocalFiles(aside))
            source = BlockSource(meta.ulid, [block], report, ALWAYS)
            await Run(source, self.target, self._state, progress).run()
        except (ImportFailed, OSError) as error:
            report.lose("blocks", 1, str(error))
        finally:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        for line in report.lines():
            logger.warning("block not imported as a whole block=%s loss=%r", meta.ulid, line)
        report.losses.clear()
        if self._state.done.get(meta.ulid) != FINISHED:
            self.metrics.failures.inc()
            return False
        self.metrics.uploads.inc()
        logger.info("block imported block=%s samples=%d", meta.ulid, progress.samples)
        return True

    def _is_done(self, meta: Meta) -> bool:
        done = self._state.done if self._state is not None else {}
        sources = meta.sources or {meta.ulid}
        is_whole = all(done.get(ulid) == FINISHED for ulid in sources)
        return is_whole or done.get(meta.ulid) == FINISHED

    def _forget(self, here: list[Meta]) -> None:
        """What no block here is, or is made of, need not be known any more."""
        assert self._state is not None
        known = {ulid for meta in here for ulid in (meta.ulid, *meta.sources)}
        self._state.done = {u: place for u, place in self._state.done.items() if u in known}

    def _blocks(self) -> list[Meta]:
        """What is there, the oldest first."""
        found = []
        for ulid in ulids_in(self.directory):
            try:
                found.append(read_meta(self.directory / ulid))
            except BlockError as error:
                logger.warning("block cannot be read block=%s error=%r", ulid, str(error))
        return sorted(found, key=lambda meta: (meta.start_ms, meta.ulid))


def linked(block: Path, aside: Path) -> None:
    """Give all that is read of a block a second name. Raises OSError."""
    shutil.rmtree(aside, ignore_errors=True)
    link(block, aside, with_tombstones=True)


class Converting:
    """Looks for blocks again and again, with the program."""

    def __init__(
        self,
        converter: Converter,
        fit: Callable[[], Mapping[str, str] | None],
        interval_s: float,
    ) -> None:
        self._converter = converter
        self._fit = fit
        self._interval_s = interval_s

    async def run(self) -> AsyncIterator[None]:
        """Raises TargetError if the data directory cannot be opened."""
        async with self._converter.target:
            task = asyncio.create_task(self._rounds())
            yield
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _rounds(self) -> None:
        while True:
            labels = self._fit()
            try:
                if labels is not None:
                    await self._converter.sync(labels)
            except Exception:  # the task must go on
                logger.exception("blocks were not imported")
            # As long as the labels are not known yet, it is looked soon again.
            await asyncio.sleep(self._interval_s if labels is not None else 1.0)
