"""A store as a source of one query: asked over gRPC, read by a thread, matched again.

What goes wrong costs what the store has, and is said in `losses`; what came before is used. Where
the query wants all or nothing, it fails instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from receiver.stores.errors import StoreError
from receiver.stores.limits import Budget
from receiver.stores.storeapi.client import SERIES, Stream, finished
from receiver.stores.storeapi.columns import Collector, MatcherSets, Span
from receiver.stores.storeapi.messages import series_request
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked
from storage.bucket.pieces import must_not_wait
from storage.errors import MustFetch, SourceFailed
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME, Matcher
from storage.read.federation import recode, stack_frames
from storage.read.joined.fetched import FetchedSeries, nothing
from storage.read.joined.source import SamplesOnly
from storage.samples.hint import SelectHint

# Chosen by every series that has a name: a store wants a matcher besides those of its own labels.
NAMED = Matcher(METRIC_NAME, "!=", "")


class StoreSource(SamplesOnly):
    """One store, asked by one query from any thread."""

    def __init__(self, state: StoreState, asked: Asked) -> None:
        self._state = state
        self._terms = asked.terms
        self._common = asked
        self._losses: dict[str, None] = {}
        self.symbols = Symbols()

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(self._losses)

    def select(
        self, matchers: Sequence[Matcher], span: Span, hint: SelectHint
    ) -> Callable[[], FetchedSeries]:
        return self._asked(matchers, span, with_samples=True)

    def series(self, matcher_sets: MatcherSets, span: Span) -> Callable[[], LabelFrame]:
        asked = [
            self._asked(matchers, span, with_samples=False) for matchers in matcher_sets or [()]
        ]
        return lambda: stack_frames(self.symbols, [answer().labels for answer in asked])

    def _asked(
        self, wanted: Sequence[Matcher], span: Span, *, with_samples: bool
    ) -> Callable[[], FetchedSeries]:
        """A call that is under way; none where the store can have nothing of a selector."""
        matchers = self._terms.matchers(wanted)
        if not self._state.is_worth_asking(matchers, span):
            return lambda: nothing(self.symbols, span)
        if must_not_wait():
            raise MustFetch(f"{self._state.name} is to be asked")
        if self._state.is_down:
            if self._state.is_missed:
                self._lose(f"it is down: {self._state.error}")
            return lambda: nothing(self.symbols, span)
        request = series_request(
            self._with_another(matchers),
            span,
            is_whole=self._terms.is_whole,
            skip_chunks=not with_samples,
        )
        stream = self._state.channel.stream(SERIES, request, self._terms.tenant)
        collector = Collector(Budget(self._common.limits), with_samples=with_samples)
        future = self._common.threads.submit(self._read, stream, collector)

        def answer() -> FetchedSeries:
            self._note(finished(future, stream), collector)
            found = self._found(collector, matchers, span)

            def wider(longer: Span) -> FetchedSeries:
                more = self._asked(wanted, longer, with_samples=True)()
                return replace(more, labels=recode(more.labels, found.labels.symbols))

            return replace(found, wider=wider)

        return answer

    def _with_another(self, matchers: Sequence[Matcher]) -> Sequence[Matcher]:
        """One matcher more where all are on external labels, which a store takes as none."""
        info = self._state.info
        external = {name for labels in (info.labels if info else ()) for name in labels}
        if all(matcher.name in external for matcher in matchers):
            return (*matchers, NAMED)
        return matchers

    def _read(self, stream: Stream, collector: Collector) -> StoreError | None:
        """Read to the end; what ended it before."""
        metrics = self._common.metrics
        with metrics.seconds.time():
            failure = read_all(stream, collector)
        metrics.count(collector.budget, is_whole=failure is None)
        return failure

    def _note(self, error: StoreError | None, collector: Collector) -> None:
        for warning in collector.warnings:
            self._lose(warning)
        if collector.damaged:
            self._lose(f"{collector.damaged} of its chunks are damaged: {collector.fault}")
        if error is not None:
            self._lose(str(error))

    def _found(
        self, collector: Collector, matchers: Sequence[Matcher], span: Span
    ) -> FetchedSeries:
        try:
            found, wrong = collector.finished([matchers], span)
        except StoreError as error:  # of a part that is damaged
            self._lose(str(error))
            return nothing(self.symbols, span)
        if wrong:
            self._lose(f"it sent {wrong} series that were not asked for, which are left out")
        return replace(found, labels=self._terms.shown(found.labels))

    def _lose(self, what: str) -> None:
        """Note what is missing. Raises SourceFailed where all or nothing is wanted."""
        text = f"{self._state.name}: {what}"
        if self._terms.is_whole:
            raise SourceFailed(f"{text} (partial_response=false)")
        self._losses[text] = None


def read_all(stream: Stream, collector: Collector) -> StoreError | None:
    """Read a stream to its end; what ended it before."""
    try:
        for frame in stream.frames():
            collector.add(frame)
        collector.decode()
    except StoreError as error:
        stream.end(str(error))
        return error
    return None
