"""Forgetting series that nothing holds any more, while the program runs.

    survey   beside everything else: which series the segments have
    renew    when a head is frozen next: a table of the series that are left, and of nothing else

A series is left if a segment, one that is being written, the head that is frozen or an election has
it. Segments that came since the survey, which merges and seals bring all the time, are looked at
when it is used, if they have not too many series; otherwise the next head forgets.

The head that follows is of the new table, so nothing that samples lie in has to be changed. Queries
go on with the table that they began with (storage/series/refs.py), and it goes when they end.
"""

import logging
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bools, Int64s
from storage.series.table import Succession
from storage.shard.shard import Shard, now_ms

logger = logging.getLogger(__name__)

SURVEY_EVERY_MS = 600_000
# It pays to forget this share of the series, or so many.
SHARE = 8
MANY = 100_000
# Of segments that came since the survey: looking at so many takes a tenth of a second, in which
# nothing is written.
LATE_SERIES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Survey:
    """The ids, ascending, of all series of some segments."""

    segments: frozenset[str]
    ids: Int64s


class Forgetting:
    """Surveys one shard and renews its table. survey() is for one thread, renewed() for the shard's
    writer."""

    def __init__(
        self,
        shard: Shard,
        *,
        share: int = SHARE,
        many: int = MANY,
        late_max: int = LATE_SERIES_MAX,
    ) -> None:
        self._shard = shard
        self._late_max = late_max
        self._share = share
        self._many = many
        self._survey: Survey | None = None
        self._next_ms = 0

    def survey(self, now_ms: int) -> None:
        """Look at the segments, if there is something new and the last time is long ago. Raises
        StorageError if one cannot be read."""
        survey, segments = self._survey, self._shard.view().every_segment
        ulids = frozenset(segment.ulid for segment in segments)
        if now_ms < self._next_ms or (survey is not None and survey.segments == ulids):
            return
        self._next_ms = now_ms + SURVEY_EVERY_MS
        self._survey = Survey(ulids, self._shard.files.series.ids(segments))

    def renewed(self) -> Succession | None:
        """The table that is to take the place of the shard's; None if there is little to forget, or
        it is not known what. Nothing may be in flight."""
        shard, ids = self._shard, self._surveyed()
        if ids is None:
            return None
        left = self._left(ids)
        gone = len(left) - int(np.count_nonzero(left))
        if not gone or (gone * self._share < len(left) and gone < self._many):
            return None
        succession = shard.table.renewed(np.flatnonzero(left))
        logger.info(
            "series forgotten shard=%d series=%d left=%d", shard.number, gone, len(left) - gone
        )
        return succession

    def _surveyed(self) -> Int64s | None:
        """The ids, ascending, of all series that a segment may have; None if they are not known."""
        survey = self._survey
        if survey is None:
            return None
        late = [s for s in self._shard.view().every_segment if s.ulid not in survey.segments]
        if not late:
            return survey.ids
        if sum(segment.series for segment in late) > self._late_max:
            return None
        return np.union1d(survey.ids, self._shard.files.series.ids(late))

    def _left(self, ids: Int64s) -> Bools:
        """Whether each series of the table is held by something. ids: those of segments."""
        shard = self._shard
        count = len(shard.table)
        left = is_among(shard.table.ids[:count], ids)
        left[shard.active.refs_held(shard.table)] = True
        left |= is_among(shard.table.ids[:count], shard.held)
        left |= shard.elections.alive(count, now_ms())
        return left


def is_among(ids: Int64s, known: Int64s) -> Bools:
    """Whether each of the ids is among those known, which ascend."""
    if not len(known):
        return np.zeros(len(ids), np.bool_)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    found: Bools = known[places] == ids
    return found
