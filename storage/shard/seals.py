"""One seal from a frozen head to segments, tried until it works.

The samples are safe in the log meanwhile, and are read from the frozen head.
"""

import logging
import time
from collections.abc import Callable

from storage.head.head import Head
from storage.shard.sealing import Sealer
from storage.shard.shard import Shard

logger = logging.getLogger(__name__)


def seal(
    shard: Shard,
    sealer: Sealer,
    frozen: tuple[Head, int],
    *,
    retry_seconds: float,
    is_stopping: Callable[[], bool],
) -> bool:
    """Seal a frozen head, with the position of the log behind it, and let go of both; False if the
    writer stopped before it worked."""
    head, position = frozen
    while True:
        try:
            sealed = sealer(shard.number, head.table, head, position)
            break
        except Exception:
            logger.exception("seal failed, will be tried again shard=%d", shard.number)
            if is_stopping():
                return False
            time.sleep(retry_seconds)
    shard.thaw(sealed)
    shard.wal.truncate(position)
    return True
