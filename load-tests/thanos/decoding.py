"""How fast answers of StoreAPI become columns: frames of 64 series as Thanos sends them, read by
the collector that a query uses, in processor time of one thread.

    python load-tests/thanos/decoding.py [--series N] [--samples N]
"""

import argparse
import sys
import time

import numpy as np

from receiver.stores.limits import AnswerLimits, Budget
from receiver.stores.storeapi.columns import Collector
from receiver.wire.messages import message_field, number_field
from storage.chunks.encoder import encode_series
from storage.samples.samples import Samples

BATCH_SERIES, STEP_MS, START_MS = 64, 15_000, 1_700_000_000_000
AMPLE = AnswerLimits(1 << 40, 1 << 40, 1 << 40, 1 << 40)
TARGET, REPEATS = 5e6, 5


def scraped(series: int, samples: int) -> Samples:
    """Counters and gauges, scraped with a jitter of some milliseconds."""
    rng = np.random.default_rng(1)
    steps = np.arange(samples) * STEP_MS + START_MS
    times = steps + rng.integers(0, 5, (series, samples))
    values = rng.integers(0, 50, (series, samples)).astype(float)
    values[::2] = values[::2].cumsum(axis=1)
    offsets = np.arange(series + 1, dtype=np.int64) * samples
    return Samples(offsets, times.reshape(-1), values.reshape(-1))


def frames(series: int, samples: int) -> list[bytes]:
    encoded = encode_series(scraped(series, samples))
    messages = []
    for row in range(series):
        labels = {"__name__": "requests_total", "instance": f"10.0.{row >> 8}.{row & 255}:9100"}
        labels |= {"job": "node", "cluster": "eu1", "replica": "a"}
        content = b"".join(
            message_field(1, message_field(1, name.encode()) + message_field(2, value.encode()))
            for name, value in sorted(labels.items())
        )
        for k in range(int(encoded.offsets[row]), int(encoded.offsets[row + 1])):
            data = encoded.data[encoded.starts[k] : encoded.ends[k]].tobytes()
            times = number_field(1, int(encoded.first_ms[k])) + number_field(
                2, int(encoded.last_ms[k])
            )
            content += message_field(2, times + message_field(3, message_field(2, data)))
        messages.append(message_field(1, content))
    runs = range(0, series, BATCH_SERIES)
    return [message_field(4, b"".join(messages[at : at + BATCH_SERIES])) for at in runs]


def collected(parts: list[bytes]) -> int:
    """How many samples they are."""
    collector = Collector(Budget(AMPLE))
    for part in parts:
        collector.add(part)
    found, _ = collector.finished([()], (-(1 << 62), 1 << 62))
    return len(found.samples)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=5_000)
    parser.add_argument("--samples", type=int, default=1_200)
    options = parser.parse_args()
    parts = frames(options.series, options.samples)
    collected(parts[:2])  # compiles
    rates = []
    for _ in range(REPEATS):
        started = time.process_time()
        count = collected(parts)
        rates.append(count / (time.process_time() - started))
    rate, size = sorted(rates)[REPEATS // 2], sum(map(len, parts))
    sys.stdout.write(
        f"{count} samples of {options.series} series in {size / 1e6:.1f} MB, "
        f"{size / count:.2f} bytes a sample: {rate / 1e6:.1f} M samples/s "
        f"(target: {TARGET / 1e6:.0f} M)\n"
    )
    return 0 if rate >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
