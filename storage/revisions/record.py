"""The record of one tenant: when each of its times was changed last, by number of the change.

Whoever keeps an answer notes the revision that it was computed at and asks later what has changed
since. Each change has a number of its own; near the present, times are told apart by about eight
seconds, further away by about an hour. So a sample that comes late touches little, and samples that
come in order touch the newest times only.

Invariant: all of it is done under the shard's lock, that of changes together with what they do.
"""

from collections import OrderedDict

from storage.kernels.arrays import Int64s
from storage.revisions.rings import Ring, Span, mark_times

# 37 hours by 8 s, an hour of them ahead of now, and two years by 70 minutes.
SHIFTS = FINE_SHIFT, COARSE_SHIFT = 13, 22
SLOTS = 1 << 14
FINE_AHEAD, COARSE_AHEAD = 512, 16
# Numbers of changes that were no samples, the newest ones, with their reasons.
REASONS_KEPT_MAX = 256
SAMPLES = "samples"


class Record:
    """Of one tenant, from the moment on that it is made."""

    def __init__(self, now_ms: int) -> None:
        self.revision = 0
        self._fine = Ring(FINE_SHIFT, SLOTS, FINE_AHEAD, now_ms)
        self._coarse = Ring(COARSE_SHIFT, SLOTS, COARSE_AHEAD, now_ms)
        self._now_slot = now_ms >> FINE_SHIFT
        self._whole = 0  # the newest change of all times
        self._reasons: OrderedDict[int, str] = OrderedDict()

    def note_samples(self, timestamps: Int64s, span: Span, now_ms: int) -> None:
        """Samples of these times were written, as far as the times are in the span."""
        self.revision += 1
        fine, coarse = self._fine, self._coarse
        if now_ms >> FINE_SHIFT > self._now_slot:
            self._now_slot = now_ms >> FINE_SHIFT
            fine.move_to(now_ms)
            coarse.move_to(now_ms)
        mark_times(
            timestamps, *span, SHIFTS, (fine.last, coarse.last), fine.values, coarse.values,
            self.revision,
        )  # fmt: skip

    def note_span(self, span: Span, reason: str) -> None:
        """Something changed what is seen of a stretch of time."""
        self._next(reason)
        self._fine.mark(span, self.revision)
        self._coarse.mark(span, self.revision)

    def note_all(self, reason: str) -> None:
        """Something may have changed what is seen of any time."""
        self._next(reason)
        self._whole = self.revision

    def changed(self, since: int, span: Span) -> list[Span]:
        """The parts of a stretch, both ends inclusive, that may have changed after a revision, in
        the order of time."""
        if since >= self.revision:
            return []
        if since < self._whole:
            return [span]
        start_ms, end_ms = span
        fine = self._fine
        found: list[Span] = []
        if start_ms < fine.first_ms:
            found += self._coarse.changed(since, (start_ms, min(end_ms, fine.first_ms - 1)))
        first_ms, last_ms = max(start_ms, fine.first_ms), min(end_ms, fine.end_ms - 1)
        if first_ms <= last_ms:
            found += fine.changed(since, (first_ms, last_ms))
        if end_ms >= fine.end_ms:
            found += self._coarse.changed(since, (max(start_ms, fine.end_ms), end_ms))
        return found

    def reason_since(self, since: int) -> str:
        """The newest reason after a revision; that of samples if there was nothing else."""
        newest = next(reversed(self._reasons), 0)
        return self._reasons[newest] if newest > since else SAMPLES

    def _next(self, reason: str) -> None:
        self.revision += 1
        self._reasons[self.revision] = reason
        if len(self._reasons) > REASONS_KEPT_MAX:
            self._reasons.popitem(last=False)
