"""The elected replicas of series that come from HA pairs, and which samples are copies.

Of a series that several replicas send, the samples of one are kept, which is elected by the first
sample. Another one takes over when the elected one is silent: when nothing of the series has come
from it for the failover timeout, and for one and a half times as long as its requests come apart.
That is judged by the clock of arrival, so a replica that catches up fast takes nothing over. What
it is given begins after the newest sample of the one before, and so do the samples that it sends
late; those of the one before still fill in what is missing between the two. So what comes late,
from either, leaves no hole.

The value never falls where one reign follows another within LATE_MS: the older sample may have been
read late, and then the fall would look like a reset.

Elections outlive seals and restarts: the log holds them after the rules of their tenant
(storage/shard/reigns.py), where a file begins and where rules change.

Invariants:
* Requests are judged in the order of the log, by the shard's writer only.
* A copy changes nothing: a request of nothing but copies need not be logged.
* What is judged follows from the log alone: from requests, their arrival and the tenant's rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from storage.batch import Batch
from storage.dedup.falls import distance
from storage.head.extras import first_places
from storage.head.kernels import COPY, UNSOUND
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.memory import reserve
from storage.reasons import COPY_REF
from storage.shard.reigns import REIGN, Reign, Reigns, decode_reigns, encode_reigns

# How much later than a sample of another replica one with a smaller timestamp may have been read:
# Prometheus gives a scrape 10 s unless it is configured otherwise, clocks may differ by 2 s.
LATE_MS = 12_000
# Elections of series that have ended are not kept for ever.
FORGOTTEN_MS = 86_400_000
NEVER_MS = int(np.iinfo(np.int64).min)


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
        self._reigns: Reigns = reserve(series_max, REIGN)
        self._term_of: dict[int, int] = {}
        self._last_term = 0

    def clear(self, tenant: int) -> None:
        """Let the next sample of each series of a tenant elect its replica."""
        self._last_term += 1
        self._term_of[tenant] = self._last_term

    def payloads(self, tenant: int, series_ids: Int64s, now_ms: int) -> Iterator[bytes]:
        """All of a tenant for the log; who was not heard for FORGOTTEN_MS is forgotten, here as
        there. series_ids: of all series, by ref."""
        refs = np.flatnonzero(self._terms[: len(series_ids)] == self._term(tenant))
        old = self._reigns["heard_ms"][refs] < now_ms - FORGOTTEN_MS
        self._terms[refs[old]] = 0
        refs = refs[~old]
        return encode_reigns(series_ids[refs], self._reigns[refs])

    def load(self, tenant: int, payload: bytes, series_ids: Int64s) -> None:
        """Take over one of payloads(). Series that are not known any more are passed over. Raises
        ValueError if it is damaged."""
        ids, reigns = decode_reigns(payload)
        order = np.argsort(series_ids)
        places = np.searchsorted(series_ids, ids, sorter=order)
        known = np.flatnonzero(places < len(order))
        known = known[series_ids[order[places[known]]] == ids[known]]
        refs = order[places[known]]
        self._reigns[refs] = reigns[known]
        self._terms[refs] = self._term(tenant)

    def judge(
        self,
        tenant: int,
        batch: Batch,
        refs: Int32s,
        replicas: UInt64s,
        *,
        arrival_ms: int,
        accepted_ms: tuple[int, int],
        failover_ms: int,
    ) -> Copies:
        """Judge the samples of a batch and elect. replicas: of each series, 0 for none; samples
        outside of accepted_ms elect no replica."""
        places = first_places(batch)
        term = self._term(tenant)
        count = elect(
            refs, replicas, batch.sample_offsets, batch.timestamps, levels_of(batch),
            *accepted_ms, arrival_ms, failover_ms, term, self._terms, self._reigns, places,
        )  # fmt: skip
        known = np.maximum(refs, 0)
        others = (self._terms[known] == term) & (self._reigns["elected"][known] != replicas)
        others &= (refs >= 0) & (replicas != 0)
        return Copies(count, places if count else None, others if others.any() else None)

    def alive(self, count: int, now_ms: int) -> Bools:
        """Of the refs below count, those with an election that is not to be forgotten."""
        terms = np.array(sorted(self._term_of.values()), np.int64)
        counts = np.isin(self._terms[:count], terms)
        found: Bools = counts & (self._reigns["heard_ms"][:count] >= now_ms - FORGOTTEN_MS)
        return found

    def renewed(self, old_refs: Int64s) -> "Elections":
        """The elections of these of the series, by refs of their own."""
        fresh = Elections(len(self._terms))
        fresh._terms[: len(old_refs)] = self._terms[old_refs]
        fresh._reigns[: len(old_refs)] = self._reigns[old_refs]
        fresh._term_of, fresh._last_term = dict(self._term_of), self._last_term
        return fresh

    def _term(self, tenant: int) -> int:
        """What marks the elections of a tenant that count."""
        if tenant not in self._term_of:
            self.clear(tenant)
        return self._term_of[tenant]


def levels_of(batch: Batch) -> Float64s:
    """What falls if a counter is reset: values, and of a histogram how many observations it has."""
    natives = batch.natives
    if natives is None:
        return batch.values
    levels = batch.values.copy()
    of_histograms = natives.mask
    levels[of_histograms] = natives.histograms.counts[natives.rows[of_histograms]]
    return levels


@kernel
def elect(
    refs: Int32s,
    replicas: UInt64s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    levels: Float64s,
    oldest_ms: int,
    newest_ms: int,
    arrival_ms: int,
    failover_ms: int,
    term: int,
    terms: Int64s,
    reigns: Reigns,
    places: Int64s,
) -> int:
    """places[k] = COPY for samples of replicas that do not reign; returns how many there are.

    terms, reigns: by ref, the term of the election and what is known of it. UNSOUND samples are
    passed over, those outside of oldest_ms..newest_ms elect no replica.
    """
    copies = 0
    for i in range(len(refs)):
        ref, replica = refs[i], replicas[i]
        if ref < 0 or replica == 0:
            continue
        for k in range(sample_offsets[i], sample_offsets[i + 1]):
            t, level = timestamps[k], levels[k]
            if places[k] == UNSOUND:
                continue
            accepted = oldest_ms <= t <= newest_ms
            if terms[ref] != term:
                if accepted:
                    terms[ref] = term
                    begin_reign(reigns[ref], replica, t, level, arrival_ms, failover_ms)
                continue
            reign = reigns[ref]
            if reign.elected == replica and is_own(reign, t, level, accepted):
                if accepted:
                    hear(reign, t, level, arrival_ms, failover_ms)
            elif reign.previous == replica and is_late(reign, t, level, accepted):
                pass
            elif accepted and may_take_over(reign, replica, t, level, arrival_ms, failover_ms):
                take_over(reign, replica, t, level, arrival_ms, failover_ms)
            else:
                places[k] = COPY
                copies += 1
    return copies


@kernel
def steps_back(before_ms: int, before: float, after_ms: int, after: float) -> bool:
    """Whether the value falls from a sample to one that may have been read before it."""
    return after < before and distance(before_ms, after_ms) <= LATE_MS


@kernel
def begin_reign(
    reign: Reign, replica: int, t: int, level: float, arrival_ms: int, failover_ms: int
) -> None:
    """The first replica of a series reigns over all that is older, too."""
    reign.elected, reign.previous = replica, np.uint64(0)
    reign.since_ms = reign.until_ms = NEVER_MS
    reign.since_level = reign.until_level = np.nan
    reign.heard_ms, reign.step_ms = arrival_ms, 0
    note_newest(reign, t, level, arrival_ms + failover_ms)


@kernel
def is_own(reign: Reign, t: int, level: float, accepted: bool) -> bool:
    """Whether a sample of the elected replica is of its reign, which it may extend to the time that
    the one before had nothing for."""
    if t >= reign.since_ms:
        return True
    if (
        t <= reign.until_ms
        or steps_back(reign.until_ms, reign.until_level, t, level)
        or steps_back(t, level, reign.since_ms, reign.since_level)
    ):
        return False
    if accepted:
        reign.since_ms, reign.since_level = t, level
    return True


@kernel
def is_late(reign: Reign, t: int, level: float, accepted: bool) -> bool:
    """Whether a sample of the replica before is of its reign, which it may extend to the time that
    the elected one has nothing for."""
    if t <= reign.until_ms:
        return True
    if t >= reign.since_ms or steps_back(t, level, reign.since_ms, reign.since_level):
        return False
    if accepted:
        reign.until_ms, reign.until_level = t, level
    return True


@kernel
def hear(reign: Reign, t: int, level: float, arrival_ms: int, failover_ms: int) -> None:
    """Note a sample of the elected replica. One pause does not make its requests seem much further
    apart: that takes several in a row."""
    apart = arrival_ms - reign.heard_ms
    if apart > 0:
        doubled = 2 * reign.step_ms
        reign.step_ms = apart if doubled == 0 else min(apart, doubled)
    reign.heard_ms = arrival_ms
    if t > reign.newest_ms:
        # A stale marker has no level.
        level = level if level == level else reign.newest_level
        note_newest(reign, t, level, arrival_ms + failover_ms)


@kernel
def note_newest(reign: Reign, t: int, level: float, limit_ms: int) -> None:
    """A sample of the far future, of a clock that is wrong, must not keep others out until then."""
    reign.newest_ms = min(t, limit_ms)
    reign.newest_level = level if t <= limit_ms else np.nan


@kernel
def may_take_over(
    reign: Reign, replica: int, t: int, level: float, arrival_ms: int, failover_ms: int
) -> bool:
    """Whether a sample of another replica, newer than all of the elected one, ends its reign."""
    silent_ms = arrival_ms - reign.heard_ms
    if reign.elected == replica or t <= reign.newest_ms:
        return False
    if silent_ms < failover_ms or 2 * silent_ms <= 3 * reign.step_ms:
        return False
    return not steps_back(reign.newest_ms, reign.newest_level, t, level)


@kernel
def take_over(
    reign: Reign, replica: int, t: int, level: float, arrival_ms: int, failover_ms: int
) -> None:
    """Let a new reign begin with a sample."""
    silent_ms = arrival_ms - reign.heard_ms
    reign.previous, reign.elected = reign.elected, replica
    reign.until_ms, reign.until_level = reign.newest_ms, reign.newest_level
    reign.since_ms, reign.since_level = t, level
    # All that is known of how often it sends: without it, replicas that send more seldom than the
    # timeout would take turns for ever.
    reign.heard_ms, reign.step_ms = arrival_ms, silent_ms
    note_newest(reign, t, level, arrival_ms + failover_ms)
