"""The text of answers whose values are kept, sent as it is when the same is asked once more.

Encoding takes most of the time of a panel that is loaded again. A text belongs to the very value
that it was made of: as soon as a step of that is computed anew, there is another value, and the
text is not taken any more.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry

from api.frontend.cache import FairCache, kept_whole
from api.frontend.metrics import TextMetrics
from api.frontend.options import CacheOptions
from api.promql.vectors.value import Vector

# A text is sent in one part, so one that is long is encoded again, part by part.
TEXT_BYTES_MAX = 4 << 20
# What a text takes beside itself and its value.
ENTRY_BYTES = 1_000

Make = Callable[[], Iterator[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class Text:
    """An answer in one form, and the value that it shows, which is in memory as long."""

    text: bytes
    value: Vector

    @property
    def size(self) -> int:
        return len(self.text) + self.value.values.nbytes + self.value.present.nbytes + ENTRY_BYTES


class Texts:
    """The texts that are kept. Thread-safe."""

    def __init__(self, options: CacheOptions, registry: CollectorRegistry) -> None:
        self._metrics = TextMetrics(registry)
        bounds = replace(options, bytes_max=options.text_bytes_max, tenant_bytes_max=0)
        self._cache: FairCache[Text] = FairCache(bounds, self._metrics)

    def answer(
        self, key: tuple[Hashable, Hashable], value: Vector, make: Make
    ) -> Iterator[bytes | memoryview]:
        """What make() gives, or what it gave before for this very value. key: whose it is, and all
        that the text depends on beside the value."""
        if not self._cache.is_on:
            return make()
        known = self._cache.get(key)
        if known is not None and known.value is value:
            self._metrics.hits.inc()
            return iter([known.text])
        return kept_whole(make(), self._fits, lambda text: self._cache.put(key, Text(text, value)))

    def _fits(self, size: int) -> bool:
        return size <= TEXT_BYTES_MAX and self._cache.fits(size)
