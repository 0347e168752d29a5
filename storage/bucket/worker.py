"""The thread that keeps the bucket up to date: uploads, what counts, deletions, leftovers.

It asks the catalog what there is, so that nothing has to be handed to it, and no seal or compaction
waits for it. A round that fails is done again, after a rest that grows with each failure.
"""

import logging
import threading

from storage.bucket.eviction import LocalCopies
from storage.bucket.metrics import BucketMetrics
from storage.bucket.places import BucketPlaces
from storage.bucket.uploading import NotOurs, Uploading
from storage.errors import StorageError
from storage.objects.options import ObjectOptions
from storage.options import HOUR_MS, MINUTE_MS
from storage.shard.shard import now_ms

logger = logging.getLogger(__name__)

REST_MAX_MS = 5 * MINUTE_MS
SWEEP_MS = HOUR_MS
# So that what counts is written down now and then while there is much to upload.
UPLOADS_PER_ROUND = 64


class BucketWorker:
    """Does rounds until it is stopped."""

    def __init__(
        self,
        uploading: Uploading,
        places: BucketPlaces,
        copies: LocalCopies,
        options: ObjectOptions,
        metrics: BucketMetrics,
    ) -> None:
        self._uploading = uploading
        self._places = places
        self._copies = copies
        self._interval_ms = options.interval_ms
        self._metrics = metrics
        self._swept_ms = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bucket", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the object that is being written, and no more."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def round(self, at_ms: int) -> bool:
        """Upload what is new, delete what is old, and evict; whether more is waiting. Raises
        StorageError."""
        self._uploading.open()
        waiting = self._uploading.waiting()
        for segment in waiting[:UPLOADS_PER_ROUND]:
            if self._closing.is_set():
                return False
            self._uploading.upload(segment, at_ms)
        contents = self._uploading.publish(at_ms)
        self._uploading.delete(contents, at_ms)
        live = self._uploading.live()
        self._places.retain({segment.ulid for segment in live})
        self._copies.trim(live, contents.ulids)
        if at_ms - self._swept_ms >= SWEEP_MS:
            self._uploading.sweep(at_ms)
            self._swept_ms = at_ms
        return bool(self._uploading.waiting())

    def _run(self) -> None:
        rest_ms = self._interval_ms
        while not self._closing.wait(rest_ms / 1_000):
            try:
                rest_ms = 0 if self.round(now_ms()) else self._interval_ms
            except Exception as error:  # a bug must not end the thread, either
                self._metrics.failures.inc()
                rest_ms = min(max(2 * rest_ms, self._interval_ms), REST_MAX_MS)
                if isinstance(error, NotOurs):
                    rest_ms = REST_MAX_MS
                expected = isinstance(error, StorageError | OSError)
                logger.error(
                    "bucket not brought up to date, will be tried again rest_seconds=%.0f error=%r",
                    rest_ms / 1_000, str(error), exc_info=None if expected else error,
                )  # fmt: skip
