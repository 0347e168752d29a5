"""Exemplars as JSON text.

Exemplars are few, and each has labels of its own, so they are turned into text one by one; the
answer is given in blocks of series.
"""

import math
from collections.abc import Iterator

from api.answers.encoding import Notes, encode_data, format_plain
from api.answers.texts import dump
from storage.read.exemplars import ExemplarSelection
from storage.samples.exemplars import ExemplarLabels

# Between these, Go writes values without an exponent.
PLAIN_MIN, PLAIN_MAX = 1e-6, 1e21
BLOCK_EXEMPLARS = 4_096


def encode_exemplars(
    found: ExemplarSelection,
    *,
    warnings: tuple[str, ...] = (),
    block_exemplars: int = BLOCK_EXEMPLARS,
) -> Iterator[bytes]:
    """The answer, sorted by the labels of the series."""
    head, tail = encode_data([], Notes(warnings)).split(b"[]", 1)
    yield head + b"["
    block: list[bytes] = []
    size = 0
    for number, row in enumerate(found.labels.order().tolist()):
        first, end = found.offsets[row : row + 2].tolist()
        block.append((b"," if number else b"") + encode_series(found, row, first, end))
        size += end - first
        if size >= block_exemplars:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block) + b"]" + tail


def encode_series(found: ExemplarSelection, row: int, first: int, end: int) -> bytes:
    """The series of a row, with the exemplars first:end."""
    labels = found.exemplar_labels[first:end]
    values = found.values[first:end].tolist()
    times = found.timestamps[first:end].tolist()
    exemplars = b",".join(map(encode_exemplar, labels, values, times))
    return b'{"seriesLabels":%s,"exemplars":[%s]}' % (dump(found.labels.labelset(row)), exemplars)


def encode_exemplar(labels: ExemplarLabels, value: float, timestamp_ms: int) -> bytes:
    return b'{"labels":%s,"value":"%s","timestamp":%s}' % (
        dump(dict(labels)),
        format_value(value),
        format_time(timestamp_ms),
    )


def format_value(value: float) -> bytes:
    """The shortest digits, with an exponent where Go uses one."""
    size = abs(value)
    if math.isfinite(value) and size and not PLAIN_MIN <= size < PLAIN_MAX:
        return repr(value).encode()  # here Python uses an exponent, too, and writes the same
    return format_plain(value)


def format_time(timestamp_ms: int) -> bytes:
    """Seconds, with three decimals if they are not whole."""
    sign = b"-" if timestamp_ms < 0 else b""
    seconds, milliseconds = divmod(abs(timestamp_ms), 1000)
    decimals = b".%03d" % milliseconds if milliseconds else b""
    return b"%s%d%s" % (sign, seconds, decimals)
