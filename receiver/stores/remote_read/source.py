"""A server that answers remote read as a source of one query.

Series get the external labels of the server's entry where they have none of that name. A matcher
on such a label is tried here: the server may know nothing of it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from receiver.stores.errors import StoreError
from receiver.stores.limits import Budget, CallLimits
from receiver.stores.remote_read.client import ReadCall
from receiver.stores.remote_read.servers import Server
from receiver.stores.storeapi.columns import Collector, MatcherSets, Span, distinct
from receiver.stores.terms import Asked
from storage.bucket.pieces import must_not_wait
from storage.errors import MustFetch
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME, Matcher, text_test
from storage.labels.passing import passing
from storage.read.federation import recode, stack_frames
from storage.read.joined.fetched import FetchedSeries, nothing
from storage.read.joined.source import SamplesOnly
from storage.samples.hint import SelectHint
from storage.samples.merge import take_rows

NAMED = Matcher(METRIC_NAME, "!=", "")


@dataclass(slots=True)
class ServerState:
    """A server, and how asking it went last. checked_ms: when, 0: never."""

    server: Server
    limits: CallLimits
    checked_ms: int = 0
    error: str = ""

    @property
    def name(self) -> str:
        return f"remote read of {self.server.url}"

    def note(self, failure: StoreError | None) -> None:
        self.checked_ms = time.time_ns() // 1_000_000
        self.error = "" if failure is None else str(failure)


@dataclass(slots=True)
class ReadSource(SamplesOnly):
    """One server, asked by one query from any thread."""

    state: ServerState
    asked: Asked
    symbols: Symbols = field(default_factory=Symbols)
    _losses: dict[str, None] = field(default_factory=dict)

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(self._losses)

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], FetchedSeries]:
        return self._asked(matchers, span)

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        asked = [self._asked(matchers, span) for matchers in matcher_sets or [()]]

        def answer() -> LabelFrame:
            found = [each() for each in asked]
            filled = [np.flatnonzero(np.diff(each.samples.offsets)) for each in found]
            frames = [each.labels.take(rows) for each, rows in zip(found, filled, strict=True)]
            return stack_frames(self.symbols, frames)

        return answer

    def _asked(self, wanted: Sequence[Matcher], span: Span) -> Callable[[], FetchedSeries]:
        """A request that is under way; none where the server can have nothing of a selector."""
        matchers = self.asked.terms.matchers(wanted)
        sent = self._sent(matchers)
        if sent is None:
            return lambda: nothing(self.symbols, span)
        if must_not_wait():
            raise MustFetch(f"{self.state.name} is to be asked")
        call = ReadCall(self.state.server, self.state.limits)
        collector = Collector(Budget(self.asked.limits))
        came = self.asked.calls.begin(call, partial(self._run, call, sent, span, collector))

        def answer() -> FetchedSeries:
            self._note(came(), collector)
            found = self._found(collector, matchers, span)

            def wider(longer: Span) -> FetchedSeries:
                more = self._asked(wanted, longer)()
                return replace(more, labels=recode(more.labels, found.labels.symbols))

            return replace(found, wider=wider)

        return answer

    def _sent(self, matchers: Sequence[Matcher]) -> Sequence[Matcher] | None:
        """The matchers that the server is asked with; None if it has nothing that passes."""
        labels = self.state.server.labels
        own = [matcher for matcher in matchers if matcher.name in labels]
        if not all(text_test(matcher)(labels[matcher.name]) for matcher in own):
            # Its series may have a label of that name, with another value.
            return None
        return [matcher for matcher in matchers if matcher.name not in labels] or [NAMED]

    def _run(
        self, call: ReadCall, matchers: Sequence[Matcher], span: Span, collector: Collector
    ) -> StoreError | None:
        with self.asked.metrics.seconds.time():
            failure = call.run(matchers, span, collector)
        self.asked.metrics.count(collector.budget, is_whole=failure is None)
        self.state.note(failure)
        return failure

    def _note(self, failure: StoreError | None, collector: Collector) -> None:
        if collector.damaged:
            self._lose(f"{collector.damaged} of its chunks are damaged: {collector.fault}")
        if failure is not None:
            self._lose(str(failure))

    def _found(
        self, collector: Collector, matchers: Sequence[Matcher], span: Span
    ) -> FetchedSeries:
        try:
            found, _ = collector.finished([], span)
        except StoreError as error:  # of a part that is damaged
            self._lose(str(error))
            return nothing(self.symbols, span)
        labels = found.labels
        server = self.state.server
        for name, value in server.labels.items():
            codes = labels.column(name)
            keeps = (codes != 0) & (not server.labels_win)
            added = np.where(keeps, codes, labels.symbols.code(value)).astype(np.int32)
            labels = labels.with_column(name, added)
        rows = np.flatnonzero(passing(labels, matchers))
        labels, samples = labels.take(rows), take_rows(found.samples, rows)
        if server.labels_win:
            labels, samples = distinct(labels, samples)
        return replace(found, labels=self.asked.terms.shown(labels), samples=samples)

    def _lose(self, what: str) -> None:
        """Note what is missing. Raises SourceFailed where all or nothing is wanted."""
        self._losses[self.asked.missing(self.state.name, what)] = None
