"""Small messages by their fields, as far as they are of the types that are asked for."""

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from receiver.errors import CorruptBody
from receiver.stores.errors import LyingStore
from receiver.wire.messages import fields, read_varint

VARINT, FIXED64, LENGTH = 0, 1, 2
# Go's time of what never was, in seconds.
NEVER_S = -62_135_596_800


@contextmanager
def reading(what: str) -> Iterator[None]:
    """What cannot be read of a store's message as LyingStore. what: it, as in "its rules are"."""
    try:
        yield
    except (CorruptBody, ValueError, struct.error) as error:
        raise LyingStore(f"{what} damaged: {error}") from error


@dataclass(frozen=True, slots=True)
class Message:
    """The values of a message by field and wire type, each in turn. What is missing is empty."""

    parts: Mapping[tuple[int, int], list[bytes]] = field(default_factory=dict)
    numbers: Mapping[int, int] = field(default_factory=dict)

    def text(self, number: int) -> str:
        """Raises UnicodeDecodeError."""
        return self._last(number, LENGTH).decode()

    def number(self, number: int) -> int:
        return self.numbers.get(number, 0)

    def real(self, number: int) -> float:
        found = self._last(number, FIXED64)
        return float(struct.unpack("<d", found)[0]) if found else 0.0

    def messages(self, number: int) -> list["Message"]:
        """Raises CorruptBody."""
        return [read_message(own) for own in self.parts.get((number, LENGTH), [])]

    def labels(self, number: int) -> dict[str, str]:
        """Those of a set, whose field 1 they are."""
        found = {}
        for own in self.messages(number):
            for label in own.messages(1):
                found[label.text(1)] = label.text(2)
        return found

    def time_ns(self, number: int) -> int | None:
        """A google.protobuf.Timestamp; None: never."""
        found = self.messages(number)
        if not found or found[-1].number(1) == NEVER_S:
            return None
        return found[-1].number(1) * 1_000_000_000 + found[-1].number(2)

    def seconds(self, number: int) -> float | None:
        """The same, since 1970."""
        time_ns = self.time_ns(number)
        return None if time_ns is None else time_ns / 1e9

    def _last(self, number: int, kind: int) -> bytes:
        found = self.parts.get((number, kind))
        return found[-1] if found else b""


def read_message(content: bytes) -> Message:
    """Raises CorruptBody."""
    parts: dict[tuple[int, int], list[bytes]] = {}
    numbers = {}
    for own in fields(content, 0, len(content)):
        if own.wire_type == VARINT:
            value, _ = read_varint(content, own.first, own.end)
            value &= (1 << 64) - 1
            numbers[own.number] = value - (1 << 64) if value >> 63 else value
        else:
            place = (own.number, own.wire_type)
            parts.setdefault(place, []).append(content[own.first : own.end])
    return Message(parts, numbers)
