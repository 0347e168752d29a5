"""What is known of one store: where it is, how it is reached, and what it said of itself last."""

from collections.abc import Sequence
from dataclasses import dataclass

from receiver.stores.endpoints import Endpoint
from receiver.stores.storeapi.client import Channel
from receiver.stores.storeapi.messages import Info, Labels
from storage.labels.matchers import Matcher, text_test

UNKNOWN = "unknown-store-api"


@dataclass(slots=True)
class StoreState:
    """One store. missed_ms: for how long it is missed after it last answered, or was named; info:
    None before it first did; checked_ms, good_ms: when it was last asked for it, and when it last
    answered or was named; error: of the last time, "" if there was none."""

    endpoint: Endpoint
    target: str
    channel: Channel
    missed_ms: int
    info: Info | None = None
    checked_ms: int = 0
    good_ms: int = 0
    error: str = ""

    @property
    def kind(self) -> str:
        return (self.info.kind if self.info else "") or UNKNOWN

    @property
    def name(self) -> str:
        return f"store {self.target} ({self.kind})"

    def note(self, found: Info | None, error: str, now_ms: int) -> None:
        """Keep what came of asking for Info."""
        self.checked_ms, self.error = now_ms, error
        if found is not None:
            self.info, self.good_ms = found, now_ms

    @property
    def is_down(self) -> bool:
        """Whether it is not asked because it did not answer last."""
        return bool(self.error) and not self.endpoint.strict

    @property
    def is_missed(self) -> bool:
        """Whether it answered, or was named, not long before it was last asked in vain."""
        return self.checked_ms - self.good_ms <= self.missed_ms

    def is_worth_asking(self, matchers: Sequence[Matcher], span: tuple[int, int]) -> bool:
        """Whether it may have something of a selector, as far as is known: one that never answered
        may have anything."""
        if self.info is None:
            return True
        return has_time(self.info, span) and has_labels(self.info.labels, matchers)


def has_time(info: Info, span: tuple[int, int]) -> bool:
    return info.span is not None and info.span[0] <= span[1] and span[0] <= info.span[1]


def has_labels(sets: Sequence[Labels], matchers: Sequence[Matcher]) -> bool:
    """Whether some set contradicts no matcher. Labels that are not in a set may be anything."""
    if not sets:
        return True
    tests = [(matcher.name, text_test(matcher)) for matcher in matchers]
    return any(all(test(labels[name]) for name, test in tests if name in labels) for labels in sets)
