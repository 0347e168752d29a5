"""Days of the past as remote-write bodies: counters of processors and a few gauges.

Each day is one corpus, so that a server can be given one day after the other. A body is one series
for a whole day, which is what is quickest to take in: only queries are measured here. Days are
aligned to UTC and lie behind us, all of the last one too.

Counters grow as the modes of a processor do (most of the time it is idle, some modes hardly ever
count), in hundredths. Scrapes of an instance come at its own offset; a few come some ms late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bodies import (
    METRIC,
    MODES,
    SCRAPE_INTERVAL_MS,
    SERIES_PER_INSTANCE,
    Corpus,
    Labels,
    instance_name,
    label_fields,
    load_corpus,
    sample_rows,
    series_labels,
    varint,
    write_corpus,
)
from numpy.typing import NDArray

DAY_MS = 86_400_000
SCRAPES_A_DAY = DAY_MS // SCRAPE_INTERVAL_MS
GAUGE = "node_memory_Active_bytes"
# Hundredths of a second in each mode between two scrapes of one processor.
BUSY = dict(zip(MODES, (1_200.0, 6.0, 0.0, 0.05, 4.0, 0.0, 60.0, 200.0), strict=True))
LATE_SHARE, LATE_MS = 0.03, 40
PAGE = 4096
PAST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Past:
    """How many whole days of how many series, up to end_ms, which is a midnight."""

    days: int
    series: int
    end_ms: int

    @property
    def counters(self) -> int:
        """Those of whole instances; the rest are gauges, one an instance."""
        whole = self.series // SERIES_PER_INSTANCE * SERIES_PER_INSTANCE
        return whole or self.series

    @property
    def samples(self) -> int:
        return self.days * self.series * SCRAPES_A_DAY

    @property
    def start_ms(self) -> int:
        return self.end_ms - self.days * DAY_MS


def past_before(now_ms: int, days: int, series: int) -> Past:
    """The whole days before yesterday's midnight: nothing of it is new any more."""
    return Past(days, series, now_ms // DAY_MS * DAY_MS - DAY_MS)


def labels_of(past: Past, number: int) -> Labels:
    if number < past.counters:
        return series_labels(number)
    instance = number - past.counters
    return [("__name__", GAUGE), ("instance", instance_name(instance)), ("job", "node-exporter")]


def scrape_times(past: Past, day: int, instance: int) -> NDArray[np.int64]:
    """When an instance was scraped on a day, ms."""
    rng = np.random.default_rng([7, day, instance])
    first_ms = past.start_ms + day * DAY_MS + instance * 2_654_435_761 % SCRAPE_INTERVAL_MS
    late = rng.random(SCRAPES_A_DAY) < LATE_SHARE
    delays = np.where(late, rng.integers(3, LATE_MS, SCRAPES_A_DAY), 0)
    # An offset near the interval must not push a late scrape into the next day.
    due = np.arange(SCRAPES_A_DAY) * SCRAPE_INTERVAL_MS + first_ms
    return np.minimum(due + delays, past.start_ms + (day + 1) * DAY_MS - 1)


def day_values(past: Past, number: int, day: int) -> NDArray[np.float64]:
    """The values of a series on a day; a counter goes on where it was the day before."""
    rng = np.random.default_rng([11, number, day])
    if number >= past.counters:
        pages = rng.integers(-300, 301, SCRAPES_A_DAY).cumsum() + 500_000 + 1_000 * number
        return (pages * PAGE).astype(np.float64)
    busy = BUSY[MODES[number % len(MODES)]] * (0.5 + number % 13 / 13)
    before = 5_000_000 + number * 1_000 + round(busy * 1.2 * SCRAPES_A_DAY) * day
    hundredths = np.minimum(rng.poisson(busy, SCRAPES_A_DAY).cumsum(), busy * 1.2 * SCRAPES_A_DAY)
    return (before + np.floor(hundredths)) / 100.0


def series_day(labels: Labels, rows: NDArray[np.uint8]) -> bytes:
    """A remote-write body of one series with many samples."""
    fields = label_fields(labels)
    return b"\x0a" + varint(len(fields) + rows.size) + fields + rows.tobytes()


def build_day(directory: Path, past: Past, day: int) -> Corpus:
    """The corpus of one day, from the directory if it lies there."""
    stem = directory / f"past-v{PAST_VERSION}-{past.series}-{past.end_ms}-{past.days}-{day}"
    found = load_corpus(stem.with_suffix(".json"))
    if found:
        return found

    def bodies() -> Iterator[bytes]:
        for number in range(past.series):
            instance = number // SERIES_PER_INSTANCE
            times = scrape_times(past, day, instance)
            rows = sample_rows(times, day_values(past, number, day))
            yield series_day(labels_of(past, number), rows)

    return write_corpus(
        stem,
        bodies(),
        slices=past.series,
        series=past.series,
        samples=past.series * SCRAPES_A_DAY,
        span_ms=(past.start_ms + day * DAY_MS, past.start_ms + (day + 1) * DAY_MS - 1),
    )


def selector(instance: int, *more: str) -> str:
    """The counters of one instance; more: further matchers."""
    matchers = ", ".join([f'instance="{instance_name(instance)}"', *more])
    return f"{METRIC}{{{matchers}}}"
