"""Frames of StoreAPI read one field after the other: the twin of the scanner's kernel."""

from __future__ import annotations

from typing import NamedTuple

FIELDS_MAX = (1 << 29) - 1


class TwinError(Exception):
    """A frame is damaged."""


class Piece(NamedTuple):
    owner: int
    kind: int
    first: int
    last: int
    encoding: int
    data: bytes


def varint(text: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(10):
        if at + k >= len(text):
            raise TwinError
        byte = text[at + k]
        if k == 9 and byte > 1:
            raise TwinError
        value |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return value, at + k + 1
    raise TwinError


def fields(text: bytes) -> list[tuple[int, int, object]]:
    """(number, wire type, value) of all fields."""
    found: list[tuple[int, int, object]] = []
    at = 0
    while at < len(text):
        tag, at = varint(text, at)
        number, wire = tag >> 3, tag & 7
        if not 1 <= number <= FIELDS_MAX:
            raise TwinError
        if wire == 0:
            value, at = varint(text, at)
            found.append((number, wire, value))
            continue
        if wire == 2:
            size, at = varint(text, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise TwinError
        if at + size > len(text):
            raise TwinError
        found.append((number, wire, text[at : at + size]))
        at += size
    return found


def typed(text: bytes, **kinds: int) -> list[tuple[int, object]]:
    """The fields of a message whose numbers have these wire types; kinds: by "f" and the number.
    Others are passed over."""
    found = []
    for number, wire, value in fields(text):
        wanted = kinds.get(f"f{number}")
        if wanted is None:
            continue
        if wire != wanted:
            raise TwinError
        found.append((number, value))
    return found


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def label(text: bytes) -> tuple[bytes, bytes]:
    texts = {1: b"", 2: b""}
    for number, value in typed(text, f1=2, f2=2):
        texts[number] = value  # type: ignore[assignment]
    return texts[1], texts[2]


def pieces(text: bytes, owner: int) -> list[Piece]:
    first = last = 0
    found = []
    kinds = {"f1": 0, "f2": 0} | {f"f{number}": 2 for number in range(3, 9)}
    for number, value in typed(text, **kinds):
        if number == 1:
            first = signed(value)  # type: ignore[arg-type]
        elif number == 2:
            last = signed(value)  # type: ignore[arg-type]
        else:
            encoding, data = 0, b""
            for part, own in typed(value, f1=0, f2=2):  # type: ignore[arg-type]
                if part == 1:
                    encoding = own & 0xFFFF  # type: ignore[operator]
                else:
                    data = own  # type: ignore[assignment]
            found.append((number - 3, encoding, data))
    return [Piece(owner, kind, first, last, encoding, data) for kind, encoding, data in found]


def read_chunk(text: bytes, owner: int) -> list[Piece]:
    """The one chunk of a message of remote read."""
    found: dict[int, object] = {1: 0, 2: 0, 3: 0, 4: b""}
    for number, wire, value in fields(text):
        if number in (3, 4) and wire != {3: 0, 4: 2}[number]:
            raise TwinError
        if number in (1, 2) and wire == 0 or number in (3, 4):
            found[number] = value
    first, last, kind, data = (found[number] for number in range(1, 5))
    return [Piece(owner, 0, signed(first), signed(last), kind & 0xFFFF, data)]  # type: ignore


def scan_plainly(
    parts: list[bytes],
    *,
    of_read: bool = False,
) -> tuple[list[list[tuple[bytes, bytes]]], list[Piece], list[bytes]]:
    """Labels of each series, chunks, warnings."""
    own: list[list[tuple[bytes, bytes]]] = []
    found: list[Piece] = []
    warnings: list[bytes] = []

    def take(message: bytes) -> None:
        own.append([])
        for number, value in typed(message, f1=2, f2=2):
            if number == 1:
                own[-1].append(label(value))  # type: ignore[arg-type]
            else:
                take_chunk = read_chunk if of_read else pieces
                found.extend(take_chunk(value, len(own) - 1))  # type: ignore[arg-type]

    for part in parts:
        for number, wire, value in fields(part):
            if number in (1, 4) and wire != 2:
                raise TwinError
            if number == 1:
                take(value)  # type: ignore[arg-type]
            elif number == 2 and wire == 2:
                warnings.append(value)  # type: ignore[arg-type]
            elif number == 4:
                for inner, kind, each in fields(value):  # type: ignore[arg-type]
                    if inner in (1, 4) and kind != 2:
                        raise TwinError
                    if inner == 1:
                        take(each)  # type: ignore[arg-type]
    return own, found, warnings
