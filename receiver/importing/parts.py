"""Parts of what is imported, and the report of what came of it."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from receiver.wire.v1.writer import RequestColumns

# Of one kind of loss or note that is shown.
EXAMPLES_MAX = 5


@dataclass(frozen=True, slots=True)
class Part:
    """What is stored at once.

    unit: the block, file or span of time that it is of; position: how far the unit is read once
    this part is stored. metadata: fields of a request that describe metric families. stage: where
    that is in the whole, for people.
    """

    unit: str
    position: int
    columns: RequestColumns | None = None
    metadata: bytes = b""
    is_last: bool = False
    stage: str = ""


@dataclass(slots=True)
class Loss:
    """How much of something was not imported, and some of it."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


class Report:
    """What was not imported, by reason, and what else there is to say. Thread-safe: a source counts
    in its thread, a target in the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.losses: dict[str, Loss] = {}
        self.notes: list[str] = []

    def lose(self, what: str, count: int, example: str = "") -> None:
        """Count so many of something that could not be imported."""
        with self._lock:
            loss = self.losses.setdefault(what, Loss())
            loss.count += count
            if example and len(loss.examples) < EXAMPLES_MAX and example not in loss.examples:
                loss.examples.append(example)

    def note(self, text: str) -> None:
        """Say something that is no loss."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)

    def lines(self, done: str = "imported") -> list[str]:
        """All of it, a line each. done: what was to be done."""
        lines = [f"note: {text}" for text in self.notes]
        for what, loss in self.losses.items():
            lines.append(f"not {done}: {loss.count} {what}")
            lines += [f"    {example}" for example in loss.examples]
        return lines


class Source(Protocol):
    """Where parts come from."""

    @property
    def name(self) -> str:
        """What it is, for progress and for the state of an import."""

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        """All parts behind what is done: unit -> position. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Span:
    """The times that are wanted, in ms, both inclusive."""

    start_ms: int = -(1 << 63)
    end_ms: int = (1 << 63) - 1


ALWAYS = Span()
