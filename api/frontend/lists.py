"""Lists of label names, label values and series, kept for the next request that asks the same.

Dashboards ask for the same lists whenever they are opened, with times that move by minutes. A list
depends on which series there are and which of them have samples in a stretch of time. As long as it
had all series that its selectors match, samples that come in cannot add to it, so it stays true
until a series is new or gone or something is deleted. If some had no sample then, it is true as
long as nothing is written to the stretch either.

What the retention takes away, and that alone, is seen up to `query.lists-cache.max-age` late, and
only in lists that reach back to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from api.frontend.cache import FairCache, kept_whole
from api.frontend.extent import EVER, series_of, watches_of
from api.frontend.metrics import ListMetrics
from api.frontend.options import CacheOptions, ListOptions
from api.promql.queryable import Queryable
from storage.revisions.record import SAMPLES
from storage.revisions.rings import Span
from storage.revisions.watch import Mark, Watch

# What a list takes beside its text.
LIST_BYTES = 1_000

Make = Callable[[], Iterator[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class KeptList:
    """An answer, and what it depends on. has_all: whether all series that matched are in it."""

    text: bytes
    span: Span
    marks: tuple[Mark, ...]
    rules: tuple[Hashable, ...]
    series: tuple[tuple[int, int], ...]
    has_all: bool
    made_s: float

    @property
    def size(self) -> int:
        return len(self.text) + LIST_BYTES

    def is_true(self, watches: Sequence[Watch]) -> bool:
        """Whether the same request would have the same answer."""
        if self.rules != tuple(watch.rule for watch in watches):
            return False
        if self.series != series_of(watches):
            return False
        return all(map(self._stands, self.marks, watches))

    def _stands(self, mark: Mark, watch: Watch) -> bool:
        """Whether nothing of one tenant has changed that matters."""
        changed, reason = watch.changed(mark, EVER)
        if not changed:
            return True
        return reason == SAMPLES and (self.has_all or not watch.changed(mark, self.span)[0])


class Lists:
    """The lists that are kept. clock: in seconds."""

    def __init__(
        self,
        options: ListOptions,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = ListMetrics(registry)
        bounds = CacheOptions(bytes_max=options.bytes_max, age_ms=options.age_ms)
        self._cache: FairCache[KeptList] = FairCache(bounds, self._metrics, clock)
        self._age_s = options.age_ms / 1000
        self._clock = clock

    def answer(
        self, querier: Queryable, key: tuple[Hashable, Hashable], span: Span, make: Make
    ) -> Iterator[bytes | memoryview]:
        """What make() gives, or what it gave before if that is still true. key: whose it is, and
        what else makes two requests the same. span: the time that is asked about."""
        watches = watches_of(querier) if self._cache.is_on else ()
        if not watches:
            self._count("bypass")
            return make()
        known = self._cache.get(key)
        if known is not None:
            is_young = self._clock() - known.made_s < self._age_s
            if is_young and known.is_true(watches):
                self._count("hit")
                return iter([known.text])
        self._count("miss" if known is None else "stale")
        return kept_whole(
            make(),
            lambda size: self._cache.fits(LIST_BYTES + size),
            lambda text: self._keep(key, span, watches, text),
        )

    def _keep(
        self,
        key: tuple[Hashable, Hashable],
        span: Span,
        watches: Sequence[Watch],
        text: bytes,
    ) -> None:
        made = KeptList(
            text,
            span,
            tuple(watch.mark for watch in watches),
            tuple(watch.rule for watch in watches),
            series_of(watches),
            all(watch.shows_all() for watch in watches),
            self._clock(),
        )
        self._cache.put(key, made)

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(outcome).inc()


def no_lists() -> Lists:
    """Of which none is kept."""
    return Lists(ListOptions(bytes_max=0), CollectorRegistry())
