"""The thread that reads where samples lie in segments before the first query has to.

A footer and a row index take milliseconds of a segment of a day, and a query over a week reads all
of them before it reads anything else. So they are read after start, and for new segments soon after
they came; newest first, because that is what is asked for most.

Invariants:
* Nothing waits for it, and it works half of its time at most.
* It never drives out anything: where there is no room any more, queries read for themselves.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from storage.errors import StorageError
from storage.options import StorageOptions
from storage.segments.segment import SegmentMeta
from storage.shard.shard import Shard

logger = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
# As long as a segment took, but no longer, the thread rests before the next one.
REST_SECONDS_MAX = 1.0


class Preloading:
    """Fills the cache of footers and row indexes of all shards."""

    def __init__(self, options: StorageOptions, shards: Callable[[], Sequence[Shard]]) -> None:
        """shards: those that are open, at any time."""
        self._enabled = options.segment_index_preload
        self._shards = shards
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preloading", daemon=True)

    def start(self) -> None:
        if self._enabled:
            self._thread.start()

    def stop(self) -> None:
        """Wait for the segment that is being read."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def round(self) -> int:
        """Read what is not there yet, as far as there is room; returns of how many segments."""
        loaded = 0
        for shard, segment in self._newest_first():
            if self._closing.is_set() or not shard.files.samples.layouts.has_room_for(segment):
                break
            began = time.monotonic()
            if self._load(shard, segment):
                loaded += 1
                self._closing.wait(min(time.monotonic() - began, REST_SECONDS_MAX))
        return loaded

    def _newest_first(self) -> list[tuple[Shard, SegmentMeta]]:
        found = [(shard, segment) for shard in self._shards() for segment in shard.view().segments]
        return sorted(found, key=lambda pair: pair[1].max_ms, reverse=True)

    def _load(self, shard: Shard, segment: SegmentMeta) -> bool:
        """False: it is there already, or cannot be read; a query says so if it is still wanted."""
        try:
            return shard.files.samples.layouts.preload(segment)
        except (StorageError, OSError) as error:
            logger.debug("not preloaded segment=%s error=%r", segment.ulid, error)
            return False

    def _run(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            loaded = self.round()
            if loaded:
                seconds = time.monotonic() - began
                logger.info("segments preloaded segments=%d seconds=%.2f", loaded, seconds)
            self._closing.wait(ROUND_SECONDS)
