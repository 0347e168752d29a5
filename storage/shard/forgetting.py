"""Forgetting series that nothing holds any more, while the program runs.

    survey   beside everything else: which series the segments have
    renew    when a head is frozen next: a table of the series that are left, and of nothing else

A series is left if a segment, one that is being written, the head that is frozen or an election has
it. A survey counts as
long as there are no segments but those it looked at; what came since is in the head.

The head that follows is of the new table, so nothing that samples lie in has to be changed. Queries
go on with the table that they began with (storage/series/refs.py), and it goes when they end.
"""

import logging
from collections.abc import Collection
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


@dataclass(frozen=True, slots=True)
class Survey:
    """The ids, ascending, of all series of some segments."""

    segments: frozenset[str]
    ids: Int64s


class Forgetting:
    """Surveys one shard and renews its table. survey() is for one thread, renewed() for the shard's
    writer."""

    def __init__(self, shard: Shard, *, share: int = SHARE, many: int = MANY) -> None:
        self._shard = shard
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
        shard, survey = self._shard, self._survey
        if survey is None or not covers(survey, shard):
            return None
        left = self._left(survey)
        gone = len(left) - int(np.count_nonzero(left))
        if not gone or (gone * self._share < len(left) and gone < self._many):
            return None
        succession = shard.table.renewed(np.flatnonzero(left))
        logger.info(
            "series forgotten shard=%d series=%d left=%d", shard.number, gone, len(left) - gone
        )
        return succession

    def _left(self, survey: Survey) -> Bools:
        """Whether each series of the table is held by something."""
        shard = self._shard
        count = len(shard.table)
        left = is_among(shard.table.ids[:count], survey.ids)
        left[shard.active.refs_held(shard.table)] = True
        left |= is_among(shard.table.ids[:count], shard.held)
        left |= shard.elections.alive(count, now_ms())
        return left


def covers(survey: Survey, shard: Shard) -> bool:
    """Whether a survey has looked at all segments that there are."""
    segments: Collection[str] = {segment.ulid for segment in shard.view().every_segment}
    return survey.segments.issuperset(segments)


def is_among(ids: Int64s, known: Int64s) -> Bools:
    """Whether each of the ids is among those known, which ascend."""
    if not len(known):
        return np.zeros(len(ids), np.bool_)
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    found: Bools = known[places] == ids
    return found
