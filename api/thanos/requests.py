"""Requests of queriers, read from their bytes. What is not known is passed over.

    SeriesRequest        min_time=1, max_time=2, matchers=3, max_resolution_window=4, aggregates=5,
                         partial_response_disabled=6, partial_response_strategy=7, skip_chunks=8,
                         hints=9, shard_info=13, without_replica_labels=14, limit=15,
                         response_batch_size=16
    ShardInfo            shard_index=1, total_shards=2, by=3, labels=4
    LabelNamesRequest    strategy=2, start=3, end=4, matchers=6, without_replica_labels=7, limit=8
    LabelValuesRequest   label=1, strategy=3, start=4, end=5, matchers=7,
                         without_replica_labels=8, limit=9

Requests are small, so they are read in Python. All errors are BadData.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from api.errors import BadData
from api.read_request import decode_matcher, fields, signed, varints
from api.times import MAX_TIME_MS, MIN_TIME_MS
from storage.labels.matchers import Matcher

# Matchers, and names of labels, that a request may have.
PARTS_MAX = 10_000
RAW, COUNT, SUM, MIN, MAX, COUNTER = range(6)
ABORT = 1
NO_MATCHERS = "no matchers specified (excluding external labels)"


class Fields:
    """The fields of a message by number: of numbers the last one, of all others each in turn."""

    def __init__(self, message: bytes) -> None:
        self._numbers: dict[int, int] = {}
        self._parts: dict[int, list[bytes]] = {}
        count = 0
        for number, value in fields(message):
            if isinstance(value, int):
                self._numbers[number] = value
                continue
            count += 1
            if count > PARTS_MAX:
                raise BadData(f"the request has more than {PARTS_MAX} matchers, labels or texts")
            self._parts.setdefault(number, []).append(value)

    def number(self, number: int, default: int = 0) -> int:
        """As int64."""
        return signed(self._numbers[number]) if number in self._numbers else default

    def numbers(self, number: int) -> tuple[int, ...]:
        """Of a repeated field, packed or the last one alone."""
        found = [value for part in self.parts(number) for value in varints(part)]
        own = self._numbers.get(number)
        return tuple(found if own is None else [*found, own])

    def parts(self, number: int) -> list[bytes]:
        return self._parts.get(number, [])

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple(text_of(part) for part in self.parts(number))

    def text(self, number: int) -> str:
        return text_of(self.parts(number)[-1]) if number in self._parts else ""

    def matchers(self, number: int) -> tuple[Matcher, ...]:
        return tuple(decode_matcher(part) for part in self.parts(number))

    def time_ms(self, number: int) -> int:
        """As far out as times may be."""
        return min(max(self.number(number), MIN_TIME_MS), MAX_TIME_MS)


def text_of(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of all series that is asked for: those whose labels `names` (is_by), or all others,
    have a hash that is `index` modulo `total`."""

    index: int
    total: int
    is_by: bool
    names: frozenset[str]

    @classmethod
    def decode(cls, message: bytes) -> Self | None:
        """None: all series."""
        found = Fields(message)
        index, total = found.number(1), found.number(2)
        if total < 1:
            return None
        return cls(index, total, bool(found.number(3)), frozenset(found.texts(4)))


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Series of [start_ms, end_ms], both inclusive. resolution_ms: the coarsest one that is wanted;
    without: labels to be taken off; limit: of series, 0 for none; batch: series of a message, if
    more than one; is_strict: what may be incomplete is to fail."""

    start_ms: int
    end_ms: int
    matchers: tuple[Matcher, ...]
    resolution_ms: int = 0
    aggregates: frozenset[int] = frozenset()
    is_strict: bool = False
    skip_chunks: bool = False
    wants_hints: bool = False
    shard: Shard | None = None
    without: frozenset[str] = frozenset()
    limit: int = 0
    batch: int = 0

    @property
    def parts(self) -> tuple[int, ...]:
        """What of windows is asked for, ascending; nothing: samples as they came alone."""
        return tuple(sorted(self.aggregates & {COUNT, SUM, MIN, MAX, COUNTER}))

    @classmethod
    def decode(cls, body: bytes) -> Self:
        found = Fields(body)
        matchers = found.matchers(3)
        if not matchers:
            raise BadData(NO_MATCHERS)
        shards = found.parts(13)
        return cls(
            found.time_ms(1),
            found.time_ms(2),
            matchers,
            max(0, found.number(4)),
            frozenset(found.numbers(5)),
            is_strict=found.number(7) == ABORT or bool(found.number(6)),
            skip_chunks=bool(found.number(8)),
            wants_hints=bool(found.parts(9)),
            shard=Shard.decode(shards[-1]) if shards else None,
            without=frozenset(found.texts(14)),
            limit=max(0, found.number(15)),
            batch=max(0, found.number(16)),
        )


@dataclass(frozen=True, slots=True)
class LabelsRequest:
    """Names of labels, or the values of one, of the series that match, or of all."""

    start_ms: int
    end_ms: int
    matchers: tuple[Matcher, ...] = ()
    is_strict: bool = False
    without: frozenset[str] = field(default_factory=frozenset)
    limit: int = 0
    label: str = ""

    @classmethod
    def decode_names(cls, body: bytes) -> Self:
        return cls._of(Fields(body), iter(range(2, 9)))

    @classmethod
    def decode_values(cls, body: bytes) -> Self:
        found = Fields(body)
        if not found.text(1):
            raise BadData("label name parameter cannot be empty")
        return cls._of(found, iter(range(3, 10)), found.text(1))

    @classmethod
    def _of(cls, found: Fields, places: Iterator[int], label: str = "") -> Self:
        """places: the numbers of strategy, start, end, hints, matchers and so on."""
        strategy, start, end, _, matchers, without, limit = places
        return cls(
            found.time_ms(start),
            found.time_ms(end),
            found.matchers(matchers),
            found.number(strategy) == ABORT or bool(found.number(strategy - 1)),
            frozenset(found.texts(without)),
            max(0, found.number(limit)),
            label,
        )
