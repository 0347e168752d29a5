"""Deleting: from the wish to the next query that does not see the samples any more.

    seal      what is in the head becomes a segment, so that what comes later is in another one
    note      the deletion and the segments it applies to, in one transaction of the catalog
    hide      new views of the shard have it
    forget    the newest samples of its series, so that they may be sent again

Up to the transaction nothing has happened, and after it the deletion holds whatever happens.
"""

from concurrent.futures import Future
from dataclasses import replace

from storage.catalog.catalog import Catalog
from storage.catalog.deletions import Deletion
from storage.deletion.masks import meets
from storage.errors import LimitExceeded, Overloaded
from storage.shard.newest import deleted_refs, forget_newest
from storage.shard.shard import Shard
from storage.shard.writer import Writer

SEAL_WAIT_SECONDS = 110.0


def delete(shard: Shard, writer: Writer, catalog: Catalog, wish: Deletion) -> Deletion:
    """Delete samples; returns the deletion as it was noted. Blocks while the head is sealed.

    wish: without a number and segments. Raises LimitExceeded if too many of the tenant's deletions
    are pending, or Overloaded if the head was not sealed in time: then nothing is deleted.
    """
    check_count(shard, wish.tenant)
    wait(writer.seal())
    with shard.changes:
        check_count(shard, wish.tenant)
        count = len(deleted_refs(shard, wish))
        pending = [s.ulid for s in shard.view().every_segment if count and meets(wish, s)]
        deletion = catalog.deletions.add(replace(wish, series=count, pending=frozenset(pending)))
        if deletion.pending:
            shard.add_deletion(deletion)
    if deletion.pending:
        wait(writer.between_groups(lambda: forget_newest(shard, deletion)))
    return deletion


def check_count(shard: Shard, tenant: int) -> None:
    """Raise LimitExceeded if no deletion more may be pending."""
    count = sum(each.tenant == tenant for each in shard.view().deletions)
    allowed = shard.options.deletions_pending_max
    if count >= allowed:
        raise LimitExceeded(
            f"{count} deletions of the tenant are pending, at most {allowed} may be "
            "(storage.max-pending-deletions); clean_tombstones ends them"
        )


def wait(done: Future[None]) -> None:
    """Raises Overloaded if it takes too long, and what it failed with."""
    try:
        done.result(SEAL_WAIT_SECONDS)
    except TimeoutError:
        raise Overloaded(
            f"the head was not sealed within {SEAL_WAIT_SECONDS:.0f} s; nothing was deleted"
        ) from None
