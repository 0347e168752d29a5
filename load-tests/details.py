"""The series that queries need beside the counters: buckets of histograms, and an info metric.

They are sent after the runs that are timed, so that ingestion is measured on one kind of series.
There is a bucket for every second counter, and one info series for each instance of the counters.
"""

from collections.abc import Iterator

import numpy as np
from bodies import SERIES_PER_INSTANCE, Kind, Shape, instance_name
from numpy.typing import NDArray

BUCKET_METRIC = "bench_request_seconds_bucket"
INFO_METRIC = "bench_target_info"
BOUNDS = ("0.005", "0.025", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
JOBS = 20
VERSIONS = 7


def details_of(counters: Shape) -> tuple[Kind, Shape]:
    """What goes with counters of this shape."""
    targets = -(-counters.series // SERIES_PER_INSTANCE)
    histograms = counters.series // 2 // len(BOUNDS)

    def labels(number: int) -> list[tuple[str, str]]:
        if number < targets:
            return info_labels(number)
        return bucket_labels(number - targets)

    def values(shape: Shape) -> Iterator[NDArray[np.float64]]:
        for counts in bucket_counts(histograms, shape.scrapes):
            yield np.concatenate((np.ones(targets), counts))

    shape = Shape(targets + histograms * len(BOUNDS), counters.scrapes, counters.body_samples)
    return Kind("details", labels, values), shape


def info_labels(target: int) -> list[tuple[str, str]]:
    return [
        ("__name__", INFO_METRIC),
        ("instance", instance_name(target)),
        ("job", "node-exporter"),
        ("version", f"1.{target % VERSIONS}.0"),
    ]


def bucket_labels(number: int) -> list[tuple[str, str]]:
    """The labels of a bucket, sorted; ten neighbours are one histogram."""
    histogram, bound = divmod(number, len(BOUNDS))
    return [
        ("__name__", BUCKET_METRIC),
        ("cluster", f"edge-{histogram % 20:02d}-prod"),
        ("handler", f"/api/v1/resource-{histogram // JOBS:05d}"),
        ("instance", instance_name(histogram)),
        ("job", f"service-{histogram % JOBS:02d}"),
        ("le", BOUNDS[bound]),
        ("method", "GET"),
    ]


def bucket_counts(histograms: int, scrapes: int) -> Iterator[NDArray[np.float64]]:
    """Per scrape, the cumulative counts of all buckets; they start large, as the counters do."""
    rng = np.random.default_rng(21)
    counts = rng.integers(1_000, 100_000, (histograms, len(BOUNDS)))
    busy = rng.integers(1, 50, (histograms, len(BOUNDS)))
    for _ in range(scrapes):
        counts += rng.integers(0, busy + 1)
        yield np.cumsum(counts, axis=1).reshape(-1).astype(np.float64)
