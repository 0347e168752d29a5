"""What the data directories of earlier formats in tests/formats/directories were made of.

Each was written by the program of its time: the first bodies were sealed, the last ones lay in the
log when it ended. `python -m tests.makers.formats.earlier FILE` writes the bodies as JSON; in a
checkout of that program, `append` of its `tests.makers.databases` took each of them, and a seal
where the list says so. `tar` and `xz` made one file of what was left when it had closed.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_2_SNAPPY
from tests.makers.bodies.mixed import mixed_body
from tests.makers.bodies.v1 import encode
from tests.makers.histograms import EXAMPLES

Floats = list[tuple[dict[str, str], list[tuple[int, float]]]]

START_MS = 1_763_596_800_000  # 2025-11-20, midnight
STEP_MS = 15_000
STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
ODD = [float("inf"), -0.0, 1e300, STALE, 5e-324, 0.1 + 0.2]


def at(step: int) -> int:
    return START_MS + step * STEP_MS


def up(job: str, steps: range) -> tuple[dict[str, str], list[tuple[int, float]]]:
    return {"__name__": "up", "job": job}, [(at(step), float(step % 3)) for step in steps]


def warmth(steps: range) -> tuple[dict[str, str], list[tuple[int, float]]]:
    labels = {"__name__": "temperature_celsius", "room": "küche"}
    return labels, [(at(step), round(20 + step * 0.1, 1)) for step in steps]


SEALED: Floats = [
    up("a", range(40)),
    warmth(range(40)),
    ({"__name__": "odd"}, [(at(step), value) for step, value in enumerate(ODD)]),
]
# A sample that came late is in the log, too.
LOGGED: Floats = [
    up("a", range(40, 45)),
    warmth(range(50, 52)),
    ({"__name__": "odd"}, [(at(-1), 7.0)]),
]
OTHER: Floats = [up("b", range(3))]
# By remote write 2.0: histograms, and samples that say since when they count.
COUNTED = {"__name__": "requests_total"}
HISTOGRAM = {"__name__": "seconds"}
ONE = 0x3FF0000000000000
MIXED_SEALED = [
    (COUNTED, [(at(0), ONE, at(-4)), (at(1), ONE, at(-4))]),
    (HISTOGRAM, [(at(step), EXAMPLES[step], at(-4)) for step in (0, 3, 7)]),
]
MIXED_LOGGED = [(HISTOGRAM, [(at(9), EXAMPLES[5], at(-4))])]


def steps() -> list[list[str | int]]:
    """[tenant, kind, body as hexadecimal digits], and an empty list where the head is sealed."""
    one, two = KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_2_SNAPPY
    return [
        ["t", one, encode(SEALED).hex()],
        ["u", one, encode(OTHER).hex()],
        ["v", two, mixed_body(MIXED_SEALED).hex()],
        [],
        ["t", one, encode(LOGGED).hex()],
        ["v", two, mixed_body(MIXED_LOGGED).hex()],
    ]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(steps()))
