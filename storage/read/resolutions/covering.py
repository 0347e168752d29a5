"""Which resolution answers which stretch of time of a select.

Segments of aggregates and the samples as they came are offers, each of some time. They are taken in
the order in which they are wanted, each for what none before it has:

    aggregates of the resolution that is asked for, then of finer ones
    samples as they came, from where on they are all there
    the same aggregates, where samples came late or are deleted that they know nothing of
    coarser aggregates, the finest first
    whatever samples as they came there are
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTIONS_MS
from storage.samples.hint import SelectHint
from storage.segments.segment import SegmentMeta

EVER = (int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max))
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Offer:
    """What could answer a span, both ends inclusive. segment: None for samples as they came."""

    span: Span
    segment: SegmentMeta | None = None

    @property
    def resolution_ms(self) -> int:
        return 0 if self.segment is None else self.segment.resolution_ms


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time, both ends inclusive, and the segments of one resolution that answer it;
    none: samples as they came."""

    span: Span
    resolution_ms: int = 0
    segments: tuple[SegmentMeta, ...] = ()


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is to read.

    aggregates: segments that touch the span of the select. raw_first_ms: from when on samples as
    they came are all there. first_ms: of a resolution, the oldest time that is kept. doubtful: the
    ULIDs of aggregates that do not have all that there is of their time.
    """

    aggregates: Sequence[SegmentMeta]
    raw_first_ms: int
    first_ms: Callable[[int], int]
    doubtful: Collection[str] = ()

    def pieces(self, hint: SelectHint, span: Span) -> list[Piece]:
        """What answers a span, in the order of time, without a gap."""
        return joined(taken(self._offers(hint), span))

    def _offers(self, hint: SelectHint) -> Iterator[Offer]:
        wanted = [each for each in RESOLUTIONS_MS if each <= hint.resolution_ms][::-1]
        coarser = [each for each in RESOLUTIONS_MS if each > hint.resolution_ms]
        yield from self._of(wanted, doubtful=False)
        yield Offer((first_of_windows(self._raw_first_ms, RESOLUTION_1H_MS), EVER[1]))
        yield from self._of(wanted, doubtful=True)
        if hint.coarser:
            yield from self._of(coarser, doubtful=False)
            yield from self._of(coarser, doubtful=True)
        yield Offer(EVER)

    @property
    def _raw_first_ms(self) -> int:
        """The beginning of time where aggregates have nothing that is older."""
        if all(segment.min_ms >= self.raw_first_ms for segment in self.aggregates):
            return EVER[0]
        return self.raw_first_ms

    def _of(self, resolutions: Sequence[int], *, doubtful: bool) -> Iterator[Offer]:
        for resolution_ms in resolutions:
            kept_ms = first_of_windows(self.first_ms(resolution_ms), resolution_ms)
            for segment in self.aggregates:
                first_ms = max(kept_ms, segment.from_ms + 1)
                is_wanted = (segment.ulid in self.doubtful) is doubtful
                if segment.resolution_ms == resolution_ms and is_wanted:
                    yield Offer((first_ms, segment.to_ms), segment)


def resolutions_of(pieces: Sequence[Piece]) -> tuple[int, ...]:
    """Those that are read, ascending."""
    return tuple(sorted({piece.resolution_ms for piece in pieces}))


def first_of_windows(time_ms: int, resolution_ms: int) -> int:
    """The first moment from a time on that a window begins with."""
    if time_ms <= EVER[0] + resolution_ms:
        return EVER[0]
    return -((1 - time_ms) // resolution_ms) * resolution_ms + 1


def taken(offers: Iterator[Offer], span: Span) -> list[tuple[Span, Offer]]:
    """Each moment of the span with the first offer that has it, in stretches, by time."""
    free, found = [span], []
    for offer in offers:
        rest = []
        for first_ms, last_ms in free:
            begin_ms, end_ms = max(first_ms, offer.span[0]), min(last_ms, offer.span[1])
            if begin_ms > end_ms:
                rest.append((first_ms, last_ms))
                continue
            found.append(((begin_ms, end_ms), offer))
            if first_ms < begin_ms:
                rest.append((first_ms, begin_ms - 1))
            if end_ms < last_ms:
                rest.append((end_ms + 1, last_ms))
        free = rest
    return sorted(found, key=lambda each: each[0])


def joined(stretches: Sequence[tuple[Span, Offer]]) -> list[Piece]:
    """Neighbours of one resolution as one piece."""
    pieces: list[Piece] = []
    for span, offer in stretches:
        segments = () if offer.segment is None else (offer.segment,)
        before = pieces[-1] if pieces else None
        if before is not None and before.resolution_ms == offer.resolution_ms:
            known = (*before.segments, *segments)
            pieces[-1] = Piece((before.span[0], span[1]), offer.resolution_ms, known)
        else:
            pieces.append(Piece(span, offer.resolution_ms, segments))
    return pieces
