"""The days of the past are what a Prometheus would have sent then."""

from pathlib import Path

import numpy as np
import pytest
import snappy
from past import (
    DAY_MS,
    LATE_MS,
    SCRAPES_A_DAY,
    Past,
    build_day,
    day_values,
    labels_of,
    past_before,
    scrape_times,
    selector,
)
from past_store import forget_pages, size_of

from tests.makers.bodies.v1 import fields_of

PAST = Past(days=2, series=66, end_ms=20_000 * DAY_MS)


def test_days_are_whole_and_over() -> None:
    past = past_before(20_001 * DAY_MS + 5, 3, 2_000)
    assert (past.start_ms, past.end_ms) == (19_997 * DAY_MS, 20_000 * DAY_MS)
    assert (past.counters, past.samples) == (1_984, 3 * 2_000 * SCRAPES_A_DAY)
    assert Past(1, 30, DAY_MS).counters == 30


@pytest.mark.parametrize("day", [0, 1])
def test_scrapes_stay_within_their_day(day: int) -> None:
    for instance in range(5):
        times = scrape_times(PAST, day, instance)
        assert len(times) == SCRAPES_A_DAY
        assert times[0] >= PAST.start_ms + day * DAY_MS
        assert times[-1] < PAST.start_ms + (day + 1) * DAY_MS
        gaps = np.diff(times)
        assert gaps.min() >= 15_000 - LATE_MS
        assert gaps.max() <= 15_000 + LATE_MS


def test_counters_never_fall_and_are_hundredths() -> None:
    for number in range(64):
        values = np.concatenate([day_values(PAST, number, day) for day in range(PAST.days)])
        assert (np.diff(values) >= 0).all()
        assert np.array_equal(np.rint(values * 100) / 100, values)


def test_a_body_is_one_series_of_one_day(tmp_path: Path) -> None:
    past = Past(days=2, series=2, end_ms=PAST.end_ms)
    corpus = build_day(tmp_path, past, 1)
    assert (corpus.samples, corpus.slices) == (2 * SCRAPES_A_DAY, 2)
    data = Path(corpus.path).read_bytes()
    for number in range(2):
        body = snappy.decompress(data[corpus.offsets[number] : corpus.offsets[number + 1]])
        ((field, series),) = fields_of(body)
        parts = list(fields_of(series))
        labels = [dict(fields_of(pair)) for kind, pair in parts if kind == 1]
        samples = [dict(fields_of(sample)) for kind, sample in parts if kind == 2]
        assert field == 1
        assert [(p[1].decode(), p[2].decode()) for p in labels] == labels_of(past, number)
        assert [s[2] for s in samples] == scrape_times(past, 1, 0).tolist()
    assert build_day(tmp_path, past, 1) == corpus


def test_labels_and_selectors() -> None:
    assert dict(labels_of(PAST, 65))["__name__"] == "node_memory_Active_bytes"
    assert selector(3, 'mode="user"').endswith(
        '{instance="worker-00003.internal:9100", mode="user"}'
    )


def test_files_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a").write_bytes(bytes(10))
    (tmp_path / "data" / "b").write_bytes(bytes(5))
    (tmp_path / "log").write_bytes(bytes(100))
    assert size_of(tmp_path) == 15
    forget_pages(tmp_path)
    assert size_of(tmp_path) == 15
