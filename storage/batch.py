"""A write request as columns, and what became of it.

A batch is what a decoder makes of one request body, and what the log gives back at replay; ingest
and replay run the same code on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from storage.samples import Float64s, Histograms, Int8s, Int32s, Int64s

Bytes = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]

# Record kinds: how a log record's payload is encoded. They are on disk; never reuse a number.
KIND_REMOTE_WRITE_1_SNAPPY = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """The columns of one request. Arrays may be views of reused buffers: valid until release().

    Series i has the label bytes buffer[label_start[i]:label_end[i]] (a run of protobuf Label
    fields, possibly with other fields in between), a keyed 128-bit hash of those bytes, and the
    samples sample_offsets[i]:sample_offsets[i+1]. Timestamps are int64 ms, values keep the bits
    they came with.

    starts, rows, histograms: as in storage.samples.Samples; native histograms stand among the
    floats of their series, with their sum as value. problems: int8 for each histogram, 0 or why
    it is refused; None: all are sound.
    """

    kind: int
    payload: bytes  # the request body as received: what the log keeps
    buffer: Bytes
    label_start: Int64s
    label_end: Int64s
    hash_low: UInt64s
    hash_high: UInt64s
    sample_offsets: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None = None
    rows: Int32s | None = None
    histograms: Histograms | None = None
    problems: Int8s | None = None
    histogram_count: int = 0  # native histogram samples found and not decoded
    exemplar_count: int = 0
    metadata_count: int = 0
    release: Callable[[], None] = field(default=lambda: None)

    @property
    def series_count(self) -> int:
        return len(self.label_start)

    @property
    def sample_count(self) -> int:
        return len(self.timestamps)


# How a payload of some kind becomes a batch; raises ValueError if it cannot.
Decoder = Callable[[int, bytes], Batch]


@dataclass(frozen=True, slots=True)
class Example:
    """A refused sample: labels as they were sent, cut if they are long, and what it said.

    timestamp_ms, value: None where the series was refused before anyone looked at its samples.
    """

    labels: Mapping[str, str]
    timestamp_ms: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Samples refused for one reason, with the first of them spelled out.

    message: what was got, what is allowed, and the setting that governs it, where one does.
    examples: a few of them; none where a whole request was refused.
    """

    reason: str
    count: int
    message: str
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch: samples accepted (duplicates included) and refused."""

    accepted: int
    rejects: tuple[Reject, ...] = ()
