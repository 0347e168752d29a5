"""What deletions hide of the samples that one read asks for.

A deletion hides samples in the segments it names only. So segments are read in runs that the same
deletions apply to, each run is cut, and the runs are merged in their order: a sample that was
written again after a deletion is there, although an older segment has one of the same moment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from storage.catalog.deletions import Deletion, MatcherSets
from storage.kernels.arrays import Bools, Int32s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import text_test
from storage.samples.cuts import Cuts
from storage.segments.segment import SegmentMeta

# Segments one after the other, and what is cut out of all of them; None: nothing.
Run = tuple[list[SegmentMeta], Cuts | None]


@dataclass(frozen=True, slots=True)
class Mask:
    """What is hidden of some series: rows[k] says which of them deletions[k] selects."""

    deletions: Sequence[Deletion] = ()
    rows: Sequence[Bools] = ()

    def runs(self, segments: Sequence[SegmentMeta]) -> Iterator[Run]:
        """The segments, in their order, in runs with equal cuts."""
        for owners, run in groupby(segments, self._owners):
            yield list(run), self._cuts(owners) if owners else None

    def _owners(self, segment: SegmentMeta) -> tuple[int, ...]:
        return tuple(k for k, each in enumerate(self.deletions) if may_hide(each, segment))

    def _cuts(self, owners: tuple[int, ...]) -> Cuts:
        return Cuts.of([self.deletions[k].span for k in owners], [self.rows[k] for k in owners])


NO_MASK = Mask()


def mask_of(
    deletions: Sequence[Deletion],
    tenant: int,
    labels: LabelFrame,
    segments: Sequence[SegmentMeta],
    span: tuple[int, int],
) -> Mask:
    """What is hidden of a tenant's series with these labels, in segments and a span of time."""
    own = [
        each
        for each in deletions
        if each.tenant == tenant
        and each.start_ms <= span[1]
        and each.end_ms >= span[0]
        and any(may_hide(each, segment) for segment in segments)
    ]
    if not own:
        return NO_MASK
    hidden = [(each, deleted_rows(each, labels)) for each in own]
    hidden = [(each, rows) for each, rows in hidden if rows.any()]
    return Mask([each for each, _ in hidden], [rows for _, rows in hidden])


def may_hide(deletion: Deletion, segment: SegmentMeta) -> bool:
    """Whether a deletion may hide something of a segment."""
    return segment.ulid in deletion.pending and meets(deletion, segment)


def meets(deletion: Deletion, segment: SegmentMeta) -> bool:
    """Whether something of a segment may be of a deletion's time. Exemplars may be of any."""
    overlaps = segment.min_ms <= deletion.end_ms and segment.max_ms >= deletion.start_ms
    return overlaps or bool(segment.exemplars)


def deleted_rows(deletion: Deletion, labels: LabelFrame) -> Bools:
    """Which rows a deletion selects; kept with the labels."""

    def find() -> Bools:
        symbols = labels.symbols
        return selected_rows(
            deletion.matcher_sets, labels.rows, labels.column, lambda codes: symbols.texts(codes)
        )

    return labels.once(("selected by", deletion.matcher_sets), find)


def selected_rows(
    matcher_sets: MatcherSets,
    count: int,
    column: Callable[[str], Int32s],
    texts: Callable[[list[int]], list[str]],
) -> Bools:
    """Which of the rows one of the sets selects. column: the codes of a label, texts: what they
    stand for; a label that a row lacks has the code of the empty text."""
    selected = np.zeros(count, np.bool_)
    for matchers in matcher_sets:
        passing = np.ones(count, np.bool_)
        for matcher in matchers:
            distinct, places = np.unique(column(matcher.name), return_inverse=True)
            passes = text_test(matcher)
            tests = [passes(text) for text in texts(distinct.tolist())]
            passing &= np.array(tests, np.bool_)[places]
        selected |= passing
    return selected
