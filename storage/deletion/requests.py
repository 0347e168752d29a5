"""Deletions as tenants ask for them, and the thread that rewrites segments for them.

A deletion is effective when delete_series() returns. The thread rewrites one segment after the
other, those that something was deleted from REWRITE_AFTER_MS ago: so what is deleted bit by bit is
rewritten once. clean() does not wait for that.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from storage.catalog.deletions import Deletion, MatcherSets, Receipt
from storage.deletion.deleting import delete, wait
from storage.deletion.expiry import Expiry
from storage.deletion.rewriting import WHOLE, DeletionTools, Rewriter
from storage.errors import QueryStopped, StorageError
from storage.options import HOUR_MS
from storage.shard.owned import Owned
from storage.shard.periods import NO_PERIODS, PeriodsSource
from storage.shard.shard import Shard, now_ms
from storage.shard.writer import Writer

logger = logging.getLogger(__name__)

REWRITE_AFTER_MS = HOUR_MS
ROUND_SECONDS = 10.0
# Every series that a tenant has.
EVERYTHING: MatcherSets = ((),)


class DeletionRequests:
    """The deletions of a database; shards and writers may still be added. From any thread."""

    def __init__(
        self,
        tools: DeletionTools,
        shards: Owned[Shard],
        writers: Owned[Writer],
        periods: PeriodsSource = lambda tenant: NO_PERIODS,
    ) -> None:
        self._periods = periods
        self._tools = tools
        self._shards = shards
        self._writers = writers
        self._rewriter = Rewriter(tools)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rewriting", daemon=True)
        self._expiry: Expiry | None = None
        self._set_aside: dict[str, int] = {}  # segments that could not be rewritten: until when

    def start(self) -> None:
        """Begin to rewrite in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End that; what was begun is left as it was."""
        self._stopping.set()
        self._rewriter.stop()
        if self._thread.is_alive():
            self._thread.join()

    def delete_series(
        self,
        tenant: str,
        matcher_sets: MatcherSets,
        start_ms: int,
        end_ms: int,
        *,
        author: str = "",
    ) -> Deletion | None:
        """Delete the samples of [start_ms, end_ms] of the series that any of the sets selects: no
        later query sees them. What is written after this call is untouched. None: the tenant never
        wrote. Blocks while a head is sealed; author: for the receipt.

        Raises LimitExceeded if too many of its deletions are pending, or Overloaded.
        """
        known = self._tools.tenants.get(tenant)
        if known is None:
            return None
        wish = Deletion(known.number, matcher_sets, start_ms, end_ms, now_ms(), author)
        shard, writer = self._shards[known.shard], self._writers[known.shard]
        deletion = delete(shard, writer, self._tools.catalog, wish)
        logger.info(
            "series deleted tenant=%s author=%r deletion=%d matchers=%r start_ms=%d end_ms=%d "
            "series=%d segments=%d",
            tenant, author, deletion.number,
            [list(map(str, matchers)) for matchers in matcher_sets],
            start_ms, end_ms, deletion.series, len(deletion.pending),
        )  # fmt: skip
        self._warn_of_pairs(shard, wish)
        return deletion

    def _warn_of_pairs(self, shard: Shard, wish: Deletion) -> None:
        """Say so if a deletion names replicas of pairs that were made one: windows are not
        theirs."""
        tenant = self._tools.names()[wish.tenant]
        labels = set(self._tools.pairs(tenant).replica_labels)
        named = labels & {matcher.name for own in wish.matcher_sets for matcher in own}
        touched = [
            segment
            for segment in shard.view().aggregates
            if segment.from_ms < wish.end_ms and segment.to_ms >= wish.start_ms
        ]
        if named and touched:
            logger.warning(
                "one replica was deleted, what was downsampled of both stays; delete the pair "
                "without naming %s to have it gone tenant=%s segments=%d",
                ", ".join(sorted(named)), tenant, len(touched),
            )  # fmt: skip

    def delete_tenant(self, tenant: str, *, author: str = "") -> None:
        """Delete all that a tenant has written up to now. Raises as delete_series()."""
        if self.delete_series(tenant, EVERYTHING, *WHOLE, author=author) is None:
            return
        known = self._tools.tenants[tenant]
        shard, writer = self._shards[known.shard], self._writers[known.shard]
        wait(writer.between_groups(lambda: shard.metadata.forget(known.number)))
        self._tools.save_metadata(known.shard)

    def tenant_is_deleted(self, tenant: str) -> bool:
        """Whether nothing is left of a tenant that was deleted, or that there never was."""
        if tenant not in self._tools.tenants:
            return True
        whole = [
            receipt
            for receipt in self.receipts(tenant)
            if receipt.deletion.matcher_sets == EVERYTHING and receipt.deletion.span == WHOLE
        ]
        return bool(whole) and all(receipt.done_ms is not None for receipt in whole)

    def clean(self, tenant: str, *, stopped: Callable[[], bool] = lambda: False) -> int:
        """Rewrite every segment that a deletion of the tenant is pending for, one after the other;
        how many. Raises QueryStopped between two of them once `stopped` says so, and, once the
        others are rewritten, what the first failed with that could not be."""
        known = self._tools.tenants.get(tenant)
        if known is None:
            return 0
        shard, count = self._shards[known.shard], 0
        own = [each for each in shard.view().deletions if each.tenant == known.number]
        failures: list[Exception] = []
        for ulid in sorted({ulid for each in own for ulid in each.pending}):
            if stopped():
                raise QueryStopped(
                    f"stopped after {count} segments were rewritten; the rest follows in the "
                    "background, or when it is asked for again"
                )
            try:
                count += self._rewriter.rewrite(shard, ulid)
            except (StorageError, OSError) as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return count

    def receipts(self, tenant: str) -> list[Receipt]:
        """What became of a tenant's deletions, newest first."""
        known = self._tools.tenants.get(tenant)
        return [] if known is None else self._tools.catalog.deletions.receipts(known.number)

    def rewrite_due(self, now_ms: int) -> int:
        """Rewrite the segments with deletions that are old enough; how many. One that cannot be
        rewritten is set aside for as long: its samples stay hidden."""
        count = 0
        for shard in self._shards:
            for ulid in due(shard.view().deletions, now_ms - REWRITE_AFTER_MS):
                if self._set_aside.get(ulid, 0) > now_ms or self._stopping.is_set():
                    continue
                try:
                    count += self._rewriter.rewrite(shard, ulid)
                except (StorageError, OSError) as error:
                    self._set_aside[ulid] = now_ms + REWRITE_AFTER_MS
                    logger.error(
                        "segment not rewritten, its deleted samples stay hidden shard=%d "
                        "segment=%s error=%r", shard.number, ulid, str(error),
                    )  # fmt: skip
        return count

    def expire(self, shard: Shard, now_ms: int) -> int:
        """Delete from segments what is past for some of their series only; from how many. For one
        thread. Raises StorageError if a segment cannot be read."""
        if self._expiry is None:
            self._expiry = Expiry(shard.options, self._tools, self._periods)
        return self._expiry.run(shard, now_ms)

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            try:
                self.rewrite_due(now_ms())
            except Exception:
                logger.exception("rewriting failed, will be tried again")


def due(deletions: Sequence[Deletion], before_ms: int) -> list[str]:
    """The segments that something was deleted from before a time."""
    return sorted(
        {ulid for each in deletions if each.created_ms < before_ms for ulid in each.pending}
    )
