"""Calling the kernels that answers of other stores need, so that no query has to wait for them."""

from receiver.stores.limits import AnswerLimits, Budget
from receiver.stores.storeapi.columns import Collector
from receiver.stores.windows import Windows
from receiver.wire.messages import message_field, number_field
from storage.labels.matchers import METRIC_NAME, Matcher
from storage.read.joined.series import join
from storage.samples.hint import Purpose

SMALL = AnswerLimits(1 << 16, 100, 100, 1_000)
LABEL = message_field(1, message_field(1, METRIC_NAME.encode()) + message_field(2, b"up"))
REPLICA = message_field(1, message_field(1, b"r") + message_field(2, b"a"))
# The sample 0 at 0 ms: as a value, and as a histogram of zeros without buckets.
FLOAT = bytes([0, 1]) + bytes(9)
NATIVE = bytes([0, 1]) + bytes(32)


def warm_stores() -> None:
    """Read frames of series that come twice: floats, histograms, what is downsampled. Blocks."""
    for chunks in ([(0, FLOAT)], [(0, FLOAT), (1, NATIVE), (2, NATIVE)]):
        fields = b"".join(
            message_field(2, message_field(3, number_field(1, kind) + message_field(2, data)))
            for kind, data in chunks
        )
        collector = Collector(Budget(SMALL))
        for labels in (LABEL, LABEL + REPLICA, LABEL):
            collector.add(message_field(1, labels + fields))
        found, _ = collector.finished([[Matcher(METRIC_NAME, "=", "up")]], (0, 1))
        join(found.labels.symbols, [found, found])
    for purpose in (Purpose.TOTALS, Purpose.RISES):
        windows = Windows.of(purpose, 1)
        collector = Collector(Budget(SMALL), windows=windows)
        parts = [message_field(3 + kind, message_field(2, FLOAT)) for kind in windows.aggregates]
        for _ in range(2):
            collector.add(message_field(1, LABEL + message_field(2, b"".join(parts))))
        collector.finished([[Matcher(METRIC_NAME, "=", "up")]], (0, 1))
