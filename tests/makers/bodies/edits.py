"""Random edits of bodies: what a broken network, disk or sender makes of good ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# What is written over a place in a body: ends of varints, signs, tags, lengths.
WORDS = (
    b"\0",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x07",
    b"\x80\x80\x80\x80\x08",
    bytes(8),
    b"\0\0\0\0\0\0\xf0\x7f",
    b"\x02\0\0\0\0\0\xf0\x7f",
    b"\x0a",
    b"\x12",
    b"\x1a",
    b"\x22",
    b"\x2a",
)
EDITS = 7


@dataclass(frozen=True)
class Edit:
    """One change of a body. place, length: shares of it in 1/2^16; choice: what to put there."""

    kind: int
    place: int
    length: int
    choice: int

    @classmethod
    def drawn(cls, rng: random.Random) -> Edit:
        bits = rng.getrandbits(56)
        return cls(bits % EDITS, bits >> 8 & 0xFFFF, bits >> 24 & 0xFFFF, bits >> 40)

    def apply(self, data: bytes, other: bytes) -> bytes:
        """The changed body; other: one that parts are taken from."""
        at = len(data) * self.place >> 16
        end = at + (min(len(data) - at, 64) * self.length >> 16)
        word = WORDS[self.choice % len(WORDS)]
        if self.kind == 0:
            changed = bytes([data[at] ^ 1 << self.choice % 8]) if data else b""
            return data[:at] + changed + data[at + 1 :]
        if self.kind == 1:
            return data[:at] + word + data[at + len(word) :]
        if self.kind == 2:
            return data[:at] + word + data[at:]
        if self.kind == 3:
            return data[:at] + data[end:]
        if self.kind == 4:
            return data[:end] + data[at:end] * (1 + self.choice % 4) + data[end:]
        if self.kind == 5:
            start = len(other) * self.length >> 16
            return data[:at] + other[start : start + 1 + self.choice % 256] + data[at:]
        return data[:at] if self.length & 1 else data[at:]


def edited(data: bytes, edits: Sequence[Edit], other: bytes) -> bytes:
    for edit in edits:
        data = edit.apply(data, other)
    return data
