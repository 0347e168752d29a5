"""Exemplars in plain Python: requests made of plain values, and what storage makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storage.samples.exemplars import Exemplars, RawExemplars
from tests.twins.wire.v1 import message

Label = tuple[bytes, bytes]
# (series, timestamp ms, bits of the value, labels as they come)
Written = tuple[int, int, int, Sequence[Label]]
# (series, timestamp ms, bits of the value, sorted labels)
Exemplar = tuple[int, int, int, tuple[tuple[str, str], ...]]


def run_of(labels: Sequence[Label]) -> bytes:
    """Label fields with a field in front that is none, as an Exemplar message has them."""
    fields = [message(1, message(1, name) + message(2, value)) for name, value in labels]
    return b"\x11" + bytes(8) + b"".join(fields)


def raw_exemplars(written: Sequence[Written], runs: Sequence[bytes] | None = None) -> RawExemplars:
    """The columns of a request; runs: in place of the labels of the exemplars."""
    texts = [run_of(labels) for *_, labels in written] if runs is None else list(runs)
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return RawExemplars(
        series=np.array([w[0] for w in written], np.int64),
        timestamps=np.array([w[1] for w in written], np.int64),
        values=np.array([w[2] for w in written], np.uint64).view(np.float64),
        buffer=np.frombuffer(b"".join(texts) + bytes(8), np.uint8).copy(),
        label_start=ends - np.array([len(text) for text in texts], np.int64),
        label_end=ends,
    )


def plain(exemplars: Exemplars) -> list[Exemplar]:
    """Columns as plain values, in their order."""
    bits = exemplars.values.view(np.uint64).tolist()
    return [
        (series, timestamp, bits[i], exemplars.labels(i))
        for i, (series, timestamp) in enumerate(
            zip(exemplars.series.tolist(), exemplars.timestamps.tolist(), strict=True)
        )
    ]


def checked(labels: Sequence[Label]) -> str | tuple[tuple[str, str], ...]:
    """The sorted labels, or why they are refused."""
    if len(labels) > 128 or any(len(text) > 512 for pair in labels for text in pair):
        return "too long"
    try:
        texts = [(name.decode(), value.decode()) for name, value in labels]
    except UnicodeDecodeError:
        return "invalid"
    names = [name for name, _ in texts]
    if "" in names or len(set(names)) < len(names):
        return "invalid"
    if sum(len(name) + len(value) for name, value in texts) > 128:
        return "too long"
    return tuple(sorted(texts, key=lambda pair: pair[0].encode()))


def newest(
    exemplars: Sequence[Exemplar], tenants: dict[int, int], series_max: int, tenant_max: int
) -> set[tuple[int, int]]:
    """(series, timestamp) of what limits leave of exemplars with distinct times."""
    kept: set[tuple[int, int]] = set()
    for tenant in set(tenants.values()):
        of_tenant: list[tuple[int, int]] = []
        for series in (s for s, owner in tenants.items() if owner == tenant):
            times = sorted({e[1] for e in exemplars if e[0] == series})
            of_tenant += [(time, series) for time in times[-series_max:]]
        kept |= {(series, time) for time, series in sorted(of_tenant)[-tenant_max:]}
    return kept
