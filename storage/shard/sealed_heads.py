"""Heads that are written as segments, and not registered yet.

Where the catalog cannot be reached a seal is tried for hours. What it has written is not written
again meanwhile, or each try would leave its files on the disk.
"""

import logging
from collections.abc import Callable, Sequence

from storage.catalog.catalog import Catalog
from storage.head.head import Head
from storage.segments.segment import SegmentMeta

logger = logging.getLogger(__name__)


class SealedHeads:
    """The segments of at most one head a shard. For one thread of each shard."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Head, Sequence[SegmentMeta]]] = {}
        self._tried: set[int] = set()

    def write(
        self, head: Head, shard: int, written: Callable[[], Sequence[SegmentMeta]]
    ) -> Sequence[SegmentMeta]:
        """The segments of a head, written unless they are there already."""
        known = self._waiting.get(shard)
        if known is None or known[0] is not head:
            self._tried.discard(shard)
            known = self._waiting[shard] = (head, written())
        return known[1]

    def register(self, catalog: Catalog, shard: int, position: int) -> None:
        """Register them, unless an earlier try did, whatever it has raised. Raises StorageError:
        then they wait."""
        sealed = self._waiting[shard][1]
        if not (shard in self._tried and is_registered(catalog, shard, sealed)):
            self._tried.add(shard)
            catalog.seal(shard, sealed, position)
        del self._waiting[shard]
        self._tried.discard(shard)


def is_registered(catalog: Catalog, shard: int, sealed: Sequence[SegmentMeta]) -> bool:
    """Whether the catalog has all of these segments, of which there are some."""
    known = {segment.ulid for segment in catalog.segments(shard)}
    return bool(sealed) and all(segment.ulid in known for segment in sealed)
