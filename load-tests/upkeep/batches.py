"""Batches of samples for a database in this process, as a server gets them from requests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import snappy

from receiver.settings.options import WriteOptions
from receiver.wire.columns import replay_limits_of
from receiver.wire.decoder import WriteDecoder
from receiver.wire.v1.writer import RequestColumns, requests_of
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from storage.kernels.arrays import Float64s, Int64s
from storage.samples.samples import Samples

DECODER = WriteDecoder(replay_limits_of(WriteOptions()))
BODY_BYTES, BODY_SAMPLES = 8 << 20, 100_000


def labels_of(number: int) -> bytes:
    """Those of the series of a number, as fields of a request."""
    pairs = [("__name__", "load"), ("n", f"{number % 64}"), ("pod", f"pod-{number}")]
    return b"".join(
        field(field(name.encode()) + field(value.encode(), 0x12)) for name, value in pairs
    )


def field(content: bytes, tag: int = 0x0A) -> bytes:
    assert len(content) < 128, "BUG: one byte holds the length"
    return bytes([tag, len(content)]) + content


def batches_of(labels: Sequence[bytes], times: Int64s, values: Float64s) -> list[Batch]:
    """A sample of each series for each time. values: by series and time."""
    offsets = np.arange(len(labels) + 1, dtype=np.int64) * len(times)
    samples = Samples(offsets, np.tile(times, len(labels)), values.reshape(-1))
    ends = np.concatenate([[0], np.cumsum([len(own) for own in labels])]).astype(np.int64)
    columns = RequestColumns(np.frombuffer(b"".join(labels), np.uint8), ends, samples)
    bodies = requests_of(columns, bytes_max=BODY_BYTES, samples_max=BODY_SAMPLES)
    return [decoded(body) for body, _ in bodies]


def decoded(body: bytes) -> Any:
    return DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, bytes(snappy.compress(body)))


def resident_bytes() -> int:
    """What this process has in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
