"""What is exported, block by block: from a data directory, or from a server by remote read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from receiver.importing.parts import Span
from receiver.importing.remote_read import RemoteReadSource
from receiver.wire.messages import fields
from storage.chunks.series import pick
from storage.errors import LimitExceeded
from storage.labels.matchers import METRIC_NAME, Matcher, text_test
from storage.read.querier import StorageQuerier
from storage.samples.samples import Samples

# Times are within some 140 years of 1970.
TIME_MS_MAX = 1 << 42
# A selection that is larger than allowed is read in halves, down to this much time at once.
WINDOW_MS_MIN = 60_000
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """The labels and the samples of some series."""

    labels: Sequence[Labels]
    samples: Samples


def stored_blocks(
    querier: StorageQuerier, selectors: Sequence[tuple[Matcher, ...]], span: Span
) -> Iterator[Block]:
    """The samples of a database, each once, metric by metric; of a metric with many, span by span
    of time. Raises LimitExceeded where even a minute has too many (storage.select.max-samples)."""
    span = Span(max(span.start_ms, -TIME_MS_MAX), min(span.end_ms, TIME_MS_MAX))
    for k, matchers in enumerate(selectors):
        frame = querier.series([matchers], span.start_ms, span.end_ms)
        names = {frame.labelset(row).get(METRIC_NAME, "") for row in range(frame.rows)}
        for name in sorted(names):
            own = (*matchers, Matcher(METRIC_NAME, "=", name))
            for block in metric_blocks(querier, own, span):
                yield without_matched(block, selectors[:k])


def metric_blocks(
    querier: StorageQuerier, matchers: tuple[Matcher, ...], span: Span
) -> Iterator[Block]:
    try:
        selection = querier.select(matchers, span.start_ms, span.end_ms)
    except LimitExceeded:
        first, second = halves(span)
        if second.end_ms - first.start_ms < WINDOW_MS_MIN:
            raise
        yield from metric_blocks(querier, matchers, first)
        yield from metric_blocks(querier, matchers, second)
        return
    rows = selection.labels.rows
    labels = [dict(selection.labels.labelset(row).items()) for row in range(rows)]
    yield Block(labels, selection.read(0, rows))


def without_matched(block: Block, selectors: Sequence[tuple[Matcher, ...]]) -> Block:
    """The series that none of these selectors matches."""
    if not selectors:
        return block
    tests = [[(m.name, text_test(m)) for m in matchers] for matchers in selectors]
    kept = np.array(
        [
            not any(all(test(labels.get(name, "")) for name, test in own) for own in tests)
            for labels in block.labels
        ],
        np.bool_,
    )
    counts = np.diff(block.samples.offsets)
    owners = np.repeat(np.cumsum(kept) - 1, counts)
    places = np.flatnonzero(np.repeat(kept, counts))
    labels = [own for own, is_kept in zip(block.labels, kept, strict=True) if is_kept]
    return Block(labels, pick(block.samples, places, owners[places], len(labels)))


def halves(span: Span) -> tuple[Span, Span]:
    middle = (span.start_ms + span.end_ms) // 2
    return Span(span.start_ms, middle), Span(middle + 1, span.end_ms)


def remote_blocks(
    sources: Sequence[RemoteReadSource], selectors: Sequence[tuple[Matcher, ...]]
) -> Iterator[Block]:
    """The samples that a server gives by remote read, each once; a source for each selector."""
    for k, source in enumerate(sources):
        for part in source.parts({}):
            if part.columns is None:
                continue
            c = part.columns
            ends = c.label_offsets.tolist()
            texts = [c.label_bytes[a:b].tobytes() for a, b in zip(ends, ends[1:], strict=False)]
            block = Block([labels_of(text) for text in texts], c.samples)
            yield without_matched(block, selectors[:k])


def labels_of(text: bytes) -> Labels:
    """Label fields as a dictionary."""
    labels = {}
    for label in fields(text, 0, len(text)):
        parts = {f.number: text[f.first : f.end] for f in fields(text, label.first, label.end)}
        labels[parts.get(1, b"").decode()] = parts.get(2, b"").decode()
    return labels
