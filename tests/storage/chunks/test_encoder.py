"""Samples to chunks and back: where chunks are cut, and that nothing is lost or changed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, OK, XOR, Chunks
from storage.chunks.encoder import EncodedSeries, encode_series
from storage.chunks.series import decode_series
from storage.histograms.columns import HINT_GAUGE, HINT_RESET, NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts, parts_of
from storage.kernels.stale import STALE_NAN
from storage.samples.samples import Samples

Point = tuple[int, float | Parts]


def samples_of(series: list[list[Point]]) -> Samples:
    flat = [point for points in series for point in points]
    parts = [value for _, value in flat if isinstance(value, Parts)]
    is_native = np.array([isinstance(value, Parts) for _, value in flat], np.bool_)
    rows = np.where(is_native, np.cumsum(is_native) - 1, NO_HISTOGRAM).astype(np.int32)
    values = [value.sum if isinstance(value, Parts) else value for _, value in flat]
    return Samples(
        np.cumsum([0, *map(len, series)]),
        np.array([time for time, _ in flat], np.int64),
        np.array(values, np.float64),
        natives=Natives(from_parts(parts), rows) if parts else None,
    )


def decoded(encoded: EncodedSeries) -> Samples:
    buffer = np.concatenate([encoded.data, np.zeros(SPARE_BYTES, np.uint8)])
    chunks = Chunks(buffer, encoded.starts, encoded.ends, encoded.encodings)
    found = decode_series(chunks, encoded.offsets)
    assert set(found.reasons.tolist()) <= {OK}
    return found.samples


def points_of(samples: Samples) -> list[list[tuple[int, object]]]:
    """Comparable: floats by their bits, histograms by what they consist of."""
    found = []
    for a, b in zip(samples.offsets[:-1], samples.offsets[1:], strict=True):
        series: list[tuple[int, object]] = []
        for place in range(a, b):
            value: object = int(samples.values[place : place + 1].view(np.uint64)[0])
            natives = samples.natives
            if natives is not None and natives.rows[place] != NO_HISTOGRAM:
                part = parts_of(natives.histograms, int(natives.rows[place]))
                value = (value, part.schema, part.count, part.zero_count, tuple(part.positive))
            series.append((int(samples.timestamps[place]), value))
        found.append(series)
    return found


def grown(count: int, **changes: object) -> Parts:
    return Parts(**({"count": count, "sum": 1.5, "positive": [(1, count)]} | changes))  # type: ignore[arg-type]


STALE = Parts(sum=STALE_NAN)
CUTS: list[tuple[str, list[Point], list[int]]] = [
    ("floats", [(t, 0.5 * t) for t in range(7)], [XOR] * 3),
    ("histograms", [(t, grown(t + 1)) for t in range(4)], [HISTOGRAM] * 2),
    ("both", [(1, 1.0), (2, grown(1)), (3, grown(2)), (4, 2.0)], [XOR, HISTOGRAM, XOR]),
    ("a reset", [(1, grown(5)), (2, grown(4))], [HISTOGRAM] * 2),
    ("a stated reset", [(1, grown(5)), (2, grown(6, hint=HINT_RESET))], [HISTOGRAM] * 2),
    ("gauges", [(t, grown(5 - t, hint=HINT_GAUGE)) for t in range(3)], [HISTOGRAM]),
    ("a gauge", [(1, grown(1)), (2, grown(2, hint=HINT_GAUGE))], [HISTOGRAM] * 2),
    ("a schema", [(1, grown(1)), (2, grown(2, schema=-1))], [HISTOGRAM] * 2),
    ("a threshold", [(1, grown(1)), (2, grown(2, zero_threshold=1e-9))], [HISTOGRAM] * 2),
    ("fractions", [(1, grown(1)), (2, Parts(count=1.5, positive=[(1, 1.5)]))], [FLOAT_HISTOGRAM]),
    ("an end", [(1, grown(1)), (2, STALE), (3, STALE), (4, grown(2))], [HISTOGRAM] * 2),
    ("an end of floats", [(1, Parts(count=1.5, sum=1)), (2, STALE)], [FLOAT_HISTOGRAM]),
    ("an end of gauges", [(1, grown(1, hint=HINT_GAUGE)), (2, STALE)], [HISTOGRAM]),
    ("ends alone", [(t, STALE) for t in range(3)], [HISTOGRAM]),
    ("a bucket less", [(1, grown(5)), (2, grown(6, positive=[(2, 6)]))], [HISTOGRAM] * 2),
    ("a bucket more", [(1, grown(5)), (2, grown(9, positive=[(1, 5), (7, 4)]))], [HISTOGRAM]),
    ("no buckets", [(t, Parts(count=t * t, zero_count=t * t)) for t in range(3)], [HISTOGRAM]),
    (
        "bounds",
        [
            (1, grown(1, schema=-53, bounds=[1.0])),
            (2, grown(2, schema=-53, bounds=[1.0])),
            (3, grown(3, schema=-53, bounds=[2.0])),
        ],
        [HISTOGRAM] * 2,
    ),
]


@pytest.mark.parametrize(("points", "encodings"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS])
def test_where_chunks_are_cut(points: list[Point], encodings: list[int]) -> None:
    samples = samples_of([points, [], points])
    encoded = encode_series(samples, samples_max=3)
    assert encoded.encodings.tolist() == 2 * encodings
    half = len(encodings)
    assert encoded.offsets.tolist() == [0, half, half, 2 * half]
    assert encoded.first_ms[0] == points[0][0]
    assert encoded.last_ms[-1] == points[-1][0]
    assert (encoded.first_ms <= encoded.last_ms).all()
    assert points_of(decoded(encoded)) == points_of(samples)


def test_chunks_are_full_at_some_time() -> None:
    encoded = encode_series(samples_of([[(t, grown(t)) for t in range(250)], [(1, grown(1))]]))
    assert encoded.offsets.tolist() == [0, 3, 4]
    assert encoded.first_ms.tolist() == [0, 120, 240, 1]
    assert encoded.last_ms.tolist() == [119, 239, 249, 1]


def test_nothing_at_all() -> None:
    encoded = encode_series(samples_of([[], []]))
    assert encoded.offsets.tolist() == [0, 0, 0]
    assert len(encoded.data) == len(encoded.starts) == 0


values = st.one_of(
    st.floats(allow_nan=False),
    st.just(STALE_NAN),
    st.builds(
        grown,
        st.integers(0, 9),
        schema=st.sampled_from([0, 1]),
        hint=st.sampled_from([0, HINT_GAUGE]),
    ),
)
series = st.lists(st.tuples(st.integers(1, 10**12), values), max_size=20).map(
    lambda steps: [
        (int(t), v) for t, (_, v) in zip(np.cumsum([s for s, _ in steps]), steps, strict=True)
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(series, max_size=4), st.integers(1, 5))
def test_what_goes_in_comes_out(all_series: list[list[Point]], samples_max: int) -> None:
    samples = samples_of(all_series)
    encoded = encode_series(samples, samples_max=samples_max)
    assert points_of(decoded(encoded)) == points_of(samples)
