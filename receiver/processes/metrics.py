"""The metrics of all processes as those of one.

Counters and histograms are added up, gauges by what they mean; what is of one shard is there once
in any case. A process that is gone takes nothing of its counters with it: what it has reported last
lies in a file, which its successor begins with and which stands for it meanwhile, so that no sum
ever falls.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample

LEAST = frozenset(
    (
        "cupola_ready",
        "cupola_kernels_warm",
        "cupola_reload_successful",
        "cupola_process_start_time_seconds",
        "cupola_process_max_fds",
    )
)
MOST = frozenset(
    (
        "cupola_build_info",
        "cupola_processes",
        "cupola_replica_silence_seconds",
        "cupola_bucket_contents_timestamp_seconds",
    )
)
# What only grows.
GROWING = frozenset(("counter", "histogram", "summary"))

Labels = tuple[tuple[str, str], ...]


class Value(msgspec.Struct, array_like=True, frozen=True):
    """One sample: its name, its labels in their order, and its value. exemplar: its labels, value,
    and when it was seen, in seconds since 1970."""

    name: str
    labels: Labels
    value: float
    exemplar: tuple[Labels, float, float] | None = None


class Family(msgspec.Struct, array_like=True, frozen=True):
    """A metric with all its samples."""

    name: str
    kind: str
    help: str
    unit: str
    values: tuple[Value, ...]


ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(list[Family])


class OwnMetrics:
    """What one process reports of itself, with what its predecessors have counted."""

    def __init__(self, registry: CollectorRegistry, file: Path, *, inherits: bool) -> None:
        """file: keeps what was reported last; inherits: whether it is a predecessor's."""
        self._registry = registry
        self._file = file
        self._inherited = read_counted(file) if inherits else []

    def report(self) -> bytes:
        """All families, for the process that was asked for those of all. Blocks."""
        own = list(families_of(self._registry.collect()))
        found = added([own, self._inherited]) if self._inherited else own
        write_counted(self._file, found)
        return ENCODER.encode(found)


def families_of(metrics: Iterable[Metric]) -> Iterator[Family]:
    for metric in metrics:
        values = tuple(map(value_of, metric.samples))
        yield Family(metric.name, metric.type, metric.documentation, metric.unit, values)


def value_of(sample: Sample) -> Value:
    found = sample.exemplar
    exemplar = None
    if found is not None:
        exemplar = (tuple(found.labels.items()), found.value, float(found.timestamp or 0))
    return Value(sample.name, tuple(sample.labels.items()), sample.value, exemplar)


def sample_of(value: Value) -> Sample:
    exemplar = None
    if value.exemplar is not None:
        labels, of, seen_s = value.exemplar
        exemplar = Exemplar(dict(labels), of, seen_s)
    return Sample(value.name, dict(value.labels), value.value, None, exemplar)


def read_counted(file: Path) -> list[Family]:
    """What a process has counted up to its last report; nothing if it made none."""
    try:
        return DECODER.decode(file.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return []


def write_counted(file: Path, families: Sequence[Family]) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(ENCODER.encode([each for each in families if each.kind in GROWING]))
    os.replace(new, file)


def added(parts: Sequence[Sequence[Family]]) -> list[Family]:
    """One family of those of the same name, in the order in which they come."""
    found: dict[str, dict[tuple[str, Labels], Value]] = {}
    about: dict[str, Family] = {}
    for part in parts:
        for family in part:
            about.setdefault(family.name, family)
            values = found.setdefault(family.name, {})
            for value in family.values:
                key = (value.name, value.labels)
                known = values.get(key)
                values[key] = value if known is None else together(family, known, value)
    return [
        msgspec.structs.replace(family, values=tuple(found[name].values()))
        for name, family in about.items()
    ]


def together(family: Family, one: Value, other: Value) -> Value:
    """A sample that two processes have, with the newer exemplar."""
    exemplars = [each.exemplar for each in (one, other) if each.exemplar is not None]
    newest = max(exemplars, key=lambda each: each[2], default=None)
    if family.name in LEAST:
        value = min(one.value, other.value)
    elif family.name in MOST or family.kind == "info":
        value = max(one.value, other.value)
    else:
        value = one.value + other.value
    return Value(one.name, one.labels, value, newest)


class Merged:
    """Families as the encoders of the client library take them: a registry that collects them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            # A unit is a part of the name by then.
            metric = Metric(family.name, family.help, family.kind)
            metric.samples = list(map(sample_of, family.values))
            yield metric
