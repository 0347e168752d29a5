"""Which blocks answer which stretch of time, stream by stream.

A stream is what one Prometheus sent: its external labels. Of its blocks those of the coarsest
resolution that is wanted are read, what they do not cover from the next finer ones, down to samples
as they came; and what even these do not cover from coarser ones, where that is better than nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from receiver.importing.choice import superseded_by_others
from receiver.importing.tsdb.block import Meta
from storage.samples.hint import SelectHint

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """The samples of a block in a span, both ends inclusive."""

    ulid: str
    span: Span


def live(metas: Iterable[Meta]) -> list[Meta]:
    """Blocks without those that a compactor has made others of and not deleted yet."""
    listed = list(metas)
    gone = superseded_by_others(listed)
    return [meta for meta in listed if meta.ulid not in gone]


def stretches(metas: Iterable[Meta], span: Span, hint: SelectHint) -> list[Stretch]:
    """What is read of these blocks for a span."""
    streams: dict[tuple[tuple[str, str], ...], list[Meta]] = {}
    for meta in metas:
        if meta.start_ms <= span[1] and meta.end_ms > span[0]:
            streams.setdefault(tuple(sorted(meta.labels.items())), []).append(meta)
    return [each for stream in streams.values() for each in of_stream(stream, span, hint)]


def of_stream(metas: Sequence[Meta], span: Span, hint: SelectHint) -> list[Stretch]:
    found: list[Stretch] = []
    gaps = [span]
    for resolution_ms in order_of({meta.resolution_ms for meta in metas}, hint):
        own = sorted(
            (meta for meta in metas if meta.resolution_ms == resolution_ms),
            key=lambda meta: (meta.start_ms, meta.ulid),
        )
        found += [Stretch(m.ulid, part) for m in own for part in common(gaps, span_of(m))]
        for meta in own:
            gaps = without(gaps, span_of(meta))
    return found


def order_of(resolutions: set[int], hint: SelectHint) -> list[int]:
    """The resolutions that are looked at, the one that is wanted most first."""
    wanted = sorted((r for r in resolutions if r <= hint.resolution_ms), reverse=True)
    coarser = sorted(r for r in resolutions if r > hint.resolution_ms)
    return wanted + (coarser if hint.coarser else [])


def span_of(meta: Meta) -> Span:
    return meta.start_ms, meta.end_ms - 1


def common(gaps: Sequence[Span], span: Span) -> list[Span]:
    """The parts of a span that are in one of the gaps."""
    cut = [(max(first, span[0]), min(last, span[1])) for first, last in gaps]
    return [(first, last) for first, last in cut if first <= last]


def without(gaps: Sequence[Span], span: Span) -> list[Span]:
    """Gaps without what a span covers."""
    found = []
    for first, last in gaps:
        found += [(first, min(last, span[0] - 1)), (max(first, span[1] + 1), last)]
        if span[1] < first or span[0] > last:
            found[-2:] = [(first, last)]
    return [(first, last) for first, last in found if first <= last]
