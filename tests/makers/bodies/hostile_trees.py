"""Random changes of protobuf messages that leave all lengths right, so that they reach far.

A message is a list of fields [number, wire type, content]; the content is bytes, or such a list
where the shape says that the field is a message.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from tests.twins.wire.v1 import encode_varint, fields, tag

# field number -> the shape of the message in it
Shape = Mapping[int, "Shape"]
Tree = list[list[Any]]

LABELS: Shape = {1: {}}
HISTOGRAM: Shape = {8: {}, 11: {}}
WRITE_REQUEST: Shape = {1: {1: {}, 2: {}, 3: LABELS, 4: HISTOGRAM}, 3: {}}
REQUEST: Shape = {5: {2: {}, 3: HISTOGRAM, 4: {}, 5: {}}}

VARINTS = tuple(
    encode_varint(number)
    for number in (
        *(0, 1, 2, 3, 4, 5, 6, 127, 128, 255, 1_000, 1_000_000),
        *((1 << bits) + k for bits in (31, 32, 53, 62, 63, 64) for k in (-2, -1, 0, 1)),
    )
)
DOUBLES = tuple(
    bytes.fromhex(digits)
    for digits in (
        "0000000000000000",
        "0000000000000080",
        "000000000000f07f",
        "000000000000f0ff",
        "020000000000f07f",
        "010000000000f87f",
        "ffffffffffffffff",
        "0100000000000000",
        "000000000000f03f",
        "9c7500883ce4377e",
    )
)
TEXTS = (b"", b"__name__", b"up", b"a", b"\xff", b"\0", b"le", b"x" * 200, b"trace_id", b"\xc3\xa4")


def parse(data: bytes, shape: Shape) -> Tree:
    found: Tree = []
    for number, place, content in fields(data, 0, len(data), {}):
        wire_type = data[place] & 7
        if wire_type == 2:
            assert isinstance(content, range), f"field {number} at {place}"
            part = data[content.start : content.stop]
            found.append([number, 2, parse(part, shape[number]) if number in shape else part])
        else:
            assert isinstance(content, int), f"field {number} at {place}"
            size = {1: 8, 5: 4}.get(wire_type)
            value = content.to_bytes(size, "little") if size else encode_varint(content)
            found.append([number, wire_type, value])
    return found


def encode(tree: Tree) -> bytes:
    return b"".join(encoded_fields(tree))


def encoded_fields(tree: Tree) -> Iterator[bytes]:
    for number, wire_type, content in tree:
        raw = encode(content) if isinstance(content, list) else content
        yield tag(number, wire_type)
        if wire_type == 2:
            yield encode_varint(len(raw))
        yield raw


def copied(tree: Tree) -> Tree:
    return [
        [number, wire_type, copied(content) if isinstance(content, list) else content]
        for number, wire_type, content in tree
    ]


def change(rng: random.Random, tree: Tree) -> None:
    """Change one field somewhere in the tree."""
    while True:
        if not tree:
            tree.append([rng.randrange(1, 18), 0, rng.choice(VARINTS)])
            return
        at = rng.randrange(len(tree))
        field = tree[at]
        deeper = isinstance(field[2], list)
        if not deeper or rng.random() < 0.2:
            break
        tree = field[2]
    roll = rng.random()
    if roll < 0.5 and not deeper:
        field[2] = other_content(rng, field)
    elif roll < 0.6:
        del tree[at]
    elif roll < 0.75:
        tree.insert(rng.randrange(len(tree) + 1), copied([field])[0])
    elif roll < 0.85:
        other = rng.randrange(len(tree))
        tree[at], tree[other] = tree[other], field
    elif roll < 0.95:
        field[0] = rng.randrange(1, 18)
    else:
        tree[at : at + 1] = copied([field]) * rng.randrange(2, 50)


def other_content(rng: random.Random, field: list[Any]) -> bytes:
    """Another content of a field that is no message."""
    _, wire_type, content = field
    if wire_type == 0:
        return rng.choice(VARINTS)
    if wire_type == 1:
        return rng.choice(DOUBLES)
    roll = rng.random()
    if wire_type == 2 and roll < 0.3:
        return rng.choice(TEXTS)
    if wire_type == 2 and roll < 0.5:
        return b"".join(rng.choices(VARINTS, k=rng.randrange(6)))
    if wire_type == 2 and roll < 0.6:
        return b"".join(rng.choices(DOUBLES, k=rng.randrange(6)))
    if not content:
        return bytes([rng.randrange(256)])
    at = rng.randrange(len(content))
    return bytes(content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :])
