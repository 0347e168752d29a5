"""The series beside the counters: cumulative buckets, and an info series for each instance."""

import numpy as np
from bodies import Shape, instance_name, series_labels
from details import BOUNDS, BUCKET_METRIC, INFO_METRIC, details_of


def test_a_bucket_for_two_counters_and_an_info_series_for_each_instance() -> None:
    counters = Shape(series=200, scrapes=3, body_samples=50)
    kind, shape = details_of(counters)
    labelsets = [dict(kind.labels(number)) for number in range(shape.series)]
    names = [labels["__name__"] for labels in labelsets]
    assert (names.count(INFO_METRIC), names.count(BUCKET_METRIC)) == (4, 100)
    assert len({tuple(labels.items()) for labels in labelsets}) == shape.series
    assert all(list(labels) == sorted(labels) for labels in labelsets)
    instances = {dict(series_labels(number))["instance"] for number in range(counters.series)}
    assert instances == {instance_name(target) for target in range(4)}


def test_buckets_are_cumulative_and_only_grow() -> None:
    kind, shape = details_of(Shape(series=200, scrapes=5))
    scrapes = np.array(list(kind.values(shape)))
    assert scrapes.shape == (5, shape.series)
    assert (scrapes[:, :4] == 1).all()
    buckets = scrapes[:, 4:].reshape(5, -1, len(BOUNDS))
    assert (np.diff(buckets, axis=2) > 0).all()
    assert (np.diff(buckets, axis=0) >= 0).all()
