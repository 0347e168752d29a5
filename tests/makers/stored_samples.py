"""What a running Cupola holds, sample by sample, read through the query API."""

from __future__ import annotations

import struct

from compose.scene import Client
from tests.makers.bodies.v1 import Labels

STALE_NAN_BITS = 0x7FF0000000000002
NORMAL_NAN_BITS = 0x7FF8000000000001

Stored = dict[Labels, list[tuple[int, int]]]


def stored(client: Client, selector: str, *, window: str, dedup: bool = False) -> Stored:
    """labels -> [(timestamp ms, bits of the value)] of the window before now, as answered.

    A stale marker is never answered; every other NaN comes as the normal one.
    """
    rows = client.query(f"{selector}[{window}]", dedup=dedup)
    return {
        tuple(sorted(row["metric"].items())): [
            (round(float(time_s) * 1000), value_bits(float(text))) for time_s, text in row["values"]
        ]
        for row in rows
    }


def value_bits(value: float) -> int:
    """The bits of a float as a query can tell them: all NaNs are the normal one."""
    if value != value:
        return NORMAL_NAN_BITS
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def told_bits(bits: int) -> int:
    """The bits under which a query tells a sample that was sent with `bits`."""
    return value_bits(struct.unpack("<d", struct.pack("<Q", bits))[0])
