"""Time-based retention: whole segments go when their newest sample is too old.

A segment is first taken out of the catalog and out of sight, and its files are deleted later, when
no query that still saw it can be running (storage/shard/doomed.py).
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from storage.catalog.catalog import Catalog
from storage.files import segments_directory
from storage.options import StorageOptions
from storage.shard.doomed import DoomedFiles
from storage.shard.shard import Shard

logger = logging.getLogger(__name__)


class Retention:
    """Drops expired segments of all shards. run() is called from one thread."""

    def __init__(self, options: StorageOptions, catalog: Catalog, doomed: DoomedFiles) -> None:
        self._retention_ms = options.retention_ms
        self._path = Path(options.path)
        self._catalog = catalog
        self._doomed = doomed

    def run(self, shard: Shard, now_ms: int) -> int:
        """Drop what expired before now_ms; returns how many segments left the shard's view."""
        self._doomed.delete_due(now_ms)
        if self._retention_ms == 0:
            return 0
        oldest = now_ms - self._retention_ms
        with shard.changes:
            expired = {s.ulid for s in shard.view().segments if s.max_ms < oldest}
            if not expired:
                return 0
            self._catalog.drop_segments(sorted(expired))
            shard.drop_segments(expired)
        self.doom(shard.number, expired, now_ms)
        logger.info("retention dropped shard=%d segments=%d", shard.number, len(expired))
        return len(expired)

    def doom(self, shard: int, ulids: Iterable[str], now_ms: int) -> None:
        """Delete the files of segments that no new query sees, once no old one can see them. From
        any thread."""
        directory = segments_directory(self._path, shard)
        self._doomed.add((directory / ulid for ulid in ulids), now_ms)
