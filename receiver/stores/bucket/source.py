"""A bucket of Thanos as a source of one query: its blocks are read side by side by threads.

What goes wrong costs the block that it is about, and is said in `losses`; where the query wants all
or nothing, it fails instead.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from receiver.stores.bucket.block import Asked as AskedBlock
from receiver.stores.bucket.block import BlockReader, KnownBlock
from receiver.stores.bucket.choosing import stretches
from receiver.stores.bucket.encoded import EncodedChunks
from receiver.stores.bucket.view import BucketView
from receiver.stores.errors import StoreError
from receiver.stores.limits import Budget
from receiver.stores.storeapi.columns import MatcherSets, Span, distinct
from receiver.stores.terms import Asked
from receiver.stores.waiting import LOOK_SECONDS, waiting_ends_s
from storage.bucket.pieces import must_not_wait
from storage.errors import MustFetch
from storage.kernels.stops import look
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher, text_test
from storage.read.federation import recode, stack_frames
from storage.read.joined.fetched import FetchedSeries, nothing
from storage.read.joined.series import join
from storage.read.joined.source import SamplesOnly
from storage.samples.hint import SelectHint

EVERYTHING = SelectHint(coarser=True)
T = TypeVar("T")
TOO_LATE = "it did not answer in time (stores.timeout), or not in most of that of the query"
# What a block has, None if it cannot be read; and what is missing of it, in words.
Read = tuple[T | None, list[str]]


@dataclass(slots=True)
class Begun(Generic[T]):
    """Blocks that are being read, by ULID. deadline_s: until when, on the monotonic clock;
    is_left: whether no one waits for them any more."""

    readings: list[tuple[str, Future[Read[T]]]]
    deadline_s: float
    budget: Budget
    is_left: bool = False

    def is_over(self) -> bool:
        """Whether reading is to end."""
        return self.is_left or time.monotonic() > self.deadline_s

    def waited(self, future: Future[Read[T]]) -> Read[T]:
        """What a block has. Raises TooLate, and what ends the query: then no block is read any
        more."""
        try:
            while not wait([future], LOOK_SECONDS).done:
                look()
                if self.is_over():
                    raise TooLate
            return future.result()
        except TooLate:
            raise
        except BaseException:
            self.is_left = True
            for _, each in self.readings:
                each.cancel()
            raise


class BucketSource(SamplesOnly):
    """The blocks of a bucket, asked by one query from any thread."""

    def __init__(self, view: BucketView, asked: Asked, timeout_s: float) -> None:
        self._view = view
        self._terms = asked.terms
        self._common = asked
        self._timeout_s = timeout_s
        self._losses: dict[str, None] = {}
        self.symbols = Symbols()

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(self._losses)

    @property
    def has_aggregates(self) -> bool:
        """Whether there are blocks that were downsampled."""
        return any(block.meta.resolution_ms for block in self._view.blocks)

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], FetchedSeries]:
        return self._asked(matchers, span, hint, with_samples=True)

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        asked = [
            self._asked(matchers, span, EVERYTHING, with_samples=False)
            for matchers in matcher_sets or [()]
        ]
        return lambda: stack_frames(self.symbols, [answer().labels for answer in asked])

    def encoded(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint, parts: Sequence[int]
    ) -> list[tuple[LabelFrame, EncodedChunks]]:
        """The series of each block with their chunks as they are; of one that was downsampled,
        these parts of them."""
        begun = self._begun(matchers, span, hint, lambda reader: encode(reader, parts))
        if begun is None:
            return []
        return [each for each in self._answered(begun) if each[0].rows]

    def _asked(
        self, wanted: Sequence[Matcher], span: Span, hint: SelectHint, *, with_samples: bool
    ) -> Callable[[], FetchedSeries]:
        """Blocks that are being read; none where none has anything of a selector."""
        begun = self._begun(wanted, span, hint, read, with_samples=with_samples)
        if begun is None:
            return lambda: nothing(self.symbols, span)

        def answer() -> FetchedSeries:
            series = self._joined(self._answered(begun), span)

            def wider(longer: Span) -> FetchedSeries:
                more = self._asked(wanted, longer, hint, with_samples=True)()
                return replace(more, labels=recode(more.labels, series.labels.symbols))

            return replace(series, wider=wider)

        return answer

    def _begun(
        self,
        wanted: Sequence[Matcher],
        span: Span,
        hint: SelectHint,
        work: Callable[[BlockReader], Read[T]],
        *,
        with_samples: bool = True,
    ) -> Begun[T] | None:
        """Blocks that threads are reading; None: none has anything of a selector."""
        for problem in (self._view.error, *self._view.problems):
            if problem:
                self._lose(problem)
        matchers = self._terms.matchers(wanted)
        blocks = {b.meta.ulid: b for b in self._view.blocks if may_have(b, matchers)}
        parts = stretches([block.meta for block in blocks.values()], span, hint)
        if not parts:
            return None
        if must_not_wait():
            raise MustFetch(f"{self._view.name} is to be read")
        deadline_s = min(time.monotonic() + self._timeout_s, waiting_ends_s())
        begun: Begun[T] = Begun([], deadline_s, Budget(self._common.limits))
        threads = self._common.calls.threads
        for part in parts:
            asked = AskedBlock(
                matchers, part.span, hint.purpose, with_samples, begun.is_over
            )  # fmt: skip
            reader = BlockReader(blocks[part.ulid], self._view.kept, asked, begun.budget)
            begun.readings.append((part.ulid, threads.submit(work, reader)))
        return begun

    def _answered(self, begun: Begun[T]) -> list[T]:
        """What blocks have, as far as they can be read."""
        found: list[T] = []
        is_whole = True
        for ulid, future in begun.readings:
            try:
                series, losses = begun.waited(future)
            except TooLate:
                series, losses = None, [TOO_LATE]
            for loss in losses:
                self._lose(f"block {ulid}: {loss}")
            is_whole &= not losses
            if series is not None:
                found.append(series)
        self._common.metrics.count(begun.budget, is_whole=is_whole)
        return found

    def _joined(self, found: Sequence[FetchedSeries], span: Span) -> FetchedSeries:
        """The series of all blocks, each once."""
        own = [each for each in found if each.labels.rows]
        if not own:
            return nothing(self.symbols, span)
        parts = [distinct(each.labels, each.samples) for each in own]
        joined = join(self.symbols, [FetchedSeries(*part, span) for part in parts])
        samples = joined.open(np.arange(joined.labels.rows), span).read(0, joined.labels.rows)
        return FetchedSeries(self._terms.shown(joined.labels), samples, span)

    def _lose(self, what: str) -> None:
        """Note what is missing. Raises SourceFailed where all or nothing is wanted."""
        self._losses[self._common.missing(self._view.name, what)] = None


def read(reader: BlockReader) -> Read[FetchedSeries]:
    return done(reader, reader.read)


def encode(reader: BlockReader, parts: Sequence[int]) -> Read[tuple[LabelFrame, EncodedChunks]]:
    return done(reader, lambda: reader.encoded(parts))


def done(reader: BlockReader, work: Callable[[], T]) -> Read[T]:
    """What a block has, and a sentence about each thing that is missing of it."""
    try:
        found = work()
    except StoreError as error:
        return None, [str(error)]
    return found, list(reader.said())


def may_have(block: KnownBlock, matchers: Sequence[Matcher]) -> bool:
    """Whether the external labels of a block pass those matchers that are about them."""
    labels = block.meta.series_labels
    own = (matcher for matcher in matchers if matcher.name in labels)
    return all(text_test(matcher)(labels[matcher.name]) for matcher in own)
