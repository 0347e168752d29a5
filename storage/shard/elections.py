"""The elected replicas of series that come from HA pairs, and which samples are copies.

Of a series that several replicas send, the samples of one are kept. It is elected by the first
sample, and followed by the replica of a sample that is newer than its newest one by the failover
timeout or more. All times are those of samples: what is kept depends on what was sent, not on when.

A term of a tenant begins with each record of its rules in the log, which stands before its first
request after a start and after a seal. Nobody is elected then. So live and replayed requests are
judged alike, and no state of elections has to be stored.

Invariants:
* Requests are judged in the order of the log, by the shard's writer only.
* A copy changes nothing: a request of nothing but copies need not be logged.
"""

from dataclasses import dataclass

import numpy as np

from storage.batch import Batch
from storage.head.extras import first_places
from storage.head.kernels import COPY, UNSOUND
from storage.kernels.arrays import Bools, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.memory import reserve
from storage.reasons import COPY_REF


@dataclass(frozen=True, slots=True)
class Copies:
    """What of a request is copies.

    count: samples. places: COPY where a sample is one, as Head.append() takes it; None: none is.
    series: bool for each series, whether another replica is elected now; None: nowhere.
    """

    count: int = 0
    places: Int64s | None = None
    series: Bools | None = None

    def are_all_of(self, batch: Batch) -> bool:
        """Whether nothing of the batch's samples and exemplars is to be kept."""
        if not self.count or self.count < batch.sample_count or self.series is None:
            return False
        return batch.exemplars is None or bool(self.series[batch.exemplars.series].all())

    def refs_of_exemplars(self, refs: Int32s) -> Int32s:
        """The refs, but COPY_REF for series whose exemplars are not to be kept."""
        if self.series is None:
            return refs
        chosen: Int32s = np.where(self.series, np.int32(COPY_REF), refs)
        return chosen


NO_COPIES = Copies()


class Elections:
    """The elections of one shard; columns are by ref."""

    def __init__(self, series_max: int) -> None:
        self._terms: Int64s = reserve(series_max, np.int64)
        self._elected: UInt64s = reserve(series_max, np.uint64)
        self._newest_ms: Int64s = reserve(series_max, np.int64)
        self._term_of: dict[int, int] = {}
        self._last_term = 0

    def begin_term(self, tenant: int) -> None:
        """Let the next sample of each series of a tenant elect its replica."""
        self._last_term += 1
        self._term_of[tenant] = self._last_term

    def judge(
        self,
        tenant: int,
        batch: Batch,
        refs: Int32s,
        replicas: UInt64s,
        *,
        accepted_ms: tuple[int, int],
        failover_ms: int,
    ) -> Copies:
        """Judge the samples of a batch and elect. replicas: of each series, 0 for none; samples
        outside of accepted_ms elect nobody."""
        places = first_places(batch)
        term = self._term_of[tenant]
        count = elect(
            refs, replicas, batch.sample_offsets, batch.timestamps, *accepted_ms, failover_ms,
            term, self._terms, self._elected, self._newest_ms, places,
        )  # fmt: skip
        known = np.maximum(refs, 0)
        others = (self._terms[known] == term) & (self._elected[known] != replicas)
        others &= (refs >= 0) & (replicas != 0)
        return Copies(count, places if count else None, others if others.any() else None)


@kernel
def elect(
    refs: Int32s,
    replicas: UInt64s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    oldest_ms: int,
    newest_ms: int,
    failover_ms: int,
    term: int,
    terms: Int64s,
    elected: UInt64s,
    elected_ms: Int64s,
    places: Int64s,
) -> int:
    """places[k] = COPY for samples of replicas that are not elected; returns how many there are.

    terms, elected, elected_ms: by ref, the term of the election, the elected replica and its newest
    sample. UNSOUND samples are passed over, those outside of oldest_ms..newest_ms elect nobody.
    """
    copies = 0
    for i in range(len(refs)):
        ref, replica = refs[i], replicas[i]
        if ref < 0 or replica == 0:
            continue
        for k in range(sample_offsets[i], sample_offsets[i + 1]):
            t, last = timestamps[k], elected_ms[ref]
            if places[k] == UNSOUND:
                continue
            accepted = oldest_ms <= t <= newest_ms
            fresh = terms[ref] != term
            # Unsigned, because the difference of two int64 may not be one.
            late = t > last and np.uint64(t) - np.uint64(last) >= np.uint64(failover_ms)
            if not fresh and elected[ref] == replica:
                if accepted and t > last:
                    elected_ms[ref] = t
            elif accepted and (fresh or late):
                terms[ref], elected[ref], elected_ms[ref] = term, replica, t
            elif not fresh:
                places[k] = COPY
                copies += 1
    return copies
