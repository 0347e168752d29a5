"""Remote write 1.0 bodies with exemplars and metadata, for tests that need nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import WireSeries, body_v1, compress, metadata_v1

Points = Sequence[tuple[int, float]]
Exemplars = Sequence[tuple[int, float, Mapping[str, str]]]
# (labels, [(timestamp ms, value)], [(timestamp ms, value, labels)])
Series = tuple[Mapping[str, str], Points, Exemplars]
# (family, number of the type, help text, unit)
Told = tuple[str, int, str, str]


def body(series: Sequence[Series] = (), metadata: Sequence[Told] = ()) -> bytes:
    """A snappy body."""
    written = [
        WireSeries(
            labels=sorted(labels.items()),
            samples=points,
            exemplars=[(sorted(own.items()), value, time) for time, value, own in exemplars],
        )
        for labels, points, exemplars in series
    ]
    return compress(body_v1(written, [metadata_v1(*one) for one in metadata]))


def batch(series: Sequence[Series] = (), metadata: Sequence[Told] = ()) -> Batch:
    return DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(series, metadata))
