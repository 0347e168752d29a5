"""Remote-write bodies made ahead of the run, and the file that holds them.

Every server gets the same bytes, so building them costs no measured time. A *corpus* is one file
of compressed bodies laid end to end; body i belongs to *slice* i % slices, which is a fixed set of
series, and a slice's bodies are in time order. The label bytes of a slice never change, so a body
is the slice's template with the value and timestamp bytes of one scrape written over it in columns.

Invariants:
* A corpus file under its final name is complete: it is written under another name and renamed.
* Every sample takes SAMPLE_BYTES bytes on the wire, whatever its value.
"""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import snappy
from numpy.typing import NDArray

METRIC = "node_cpu_seconds_total"
MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
CPUS = 8
SERIES_PER_INSTANCE = CPUS * len(MODES)
SCRAPE_INTERVAL_MS = 15_000
REPLICA_OFFSET_MS = 5_000  # each replica scrapes that much before the one ahead of it
SAMPLE_BYTES = 18  # field 2, length 16, double value (9), int64 timestamp (1 + 6)
CORPUS_VERSION = 2
CORPUS_AGE_MAX_MS = 30 * 60_000  # an older one is built again, so that its data ends about now
TIMESTAMP_MIN_MS, TIMESTAMP_MAX_MS = 1 << 35, (1 << 42) - 1  # the times whose varint has six bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """How much synthetic data: series x scrapes, cut into bodies of body_samples.

    replicas: 0 for series without a replica label, else by how many replicas each is scraped.
    """

    series: int = 100_000
    scrapes: int = 60
    body_samples: int = 2_000
    replicas: int = 0

    @property
    def copies(self) -> int:
        return max(1, self.replicas)

    @property
    def samples(self) -> int:
        return self.series * self.scrapes * self.copies


Labels = Sequence[tuple[str, str]]


def labelled_parts(labelsets: Sequence[Labels]) -> tuple[bytes, list[bytes]]:
    """What a remote-write 1.0 body begins with, and each of its series up to its one sample."""
    return b"", [series_prefix(labels) for labels in labelsets]


@dataclass(frozen=True, slots=True)
class Kind:
    """What synthetic series are. labels: those of series `number`; values: per scrape, the value of
    every series; parts: how a body without samples is written."""

    name: str
    labels: Callable[[int], Labels]
    values: Callable[[Shape], Iterator[NDArray[np.float64]]]
    parts: Callable[[Sequence[Labels]], tuple[bytes, list[bytes]]] = labelled_parts


@dataclass(frozen=True, slots=True)
class Corpus:
    """A file of compressed bodies: body i is the bytes offsets[i]:offsets[i+1] of it."""

    path: str
    offsets: list[int]
    slices: int
    series: int
    samples: int
    raw_bytes: int
    first_ms: int
    last_ms: int

    @property
    def compressed_bytes(self) -> int:
        return self.offsets[-1]


def varint(number: int) -> bytes:
    """A non-negative number as a protobuf varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def label_fields(labels: Labels) -> bytes:
    """The label fields of a TimeSeries."""
    fields = bytearray()
    for name, value in labels:
        key, text = name.encode(), value.encode()
        pair = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(text)) + text
        fields += b"\x0a" + varint(len(pair)) + pair
    return bytes(fields)


def series_prefix(labels: Labels) -> bytes:
    """A TimeSeries up to its one sample: tag, length (the sample counted in) and label fields."""
    fields = label_fields(labels)
    return b"\x0a" + varint(len(fields) + SAMPLE_BYTES) + fields


def sample_rows(timestamps: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The Sample fields on the wire, one row of SAMPLE_BYTES each."""
    low, high = int(timestamps.min()), int(timestamps.max())
    if low < TIMESTAMP_MIN_MS or high > TIMESTAMP_MAX_MS:
        raise ValueError(
            f"timestamps {low}..{high} do not fit six varint bytes "
            f"({TIMESTAMP_MIN_MS}..{TIMESTAMP_MAX_MS})"
        )
    rows = np.empty((len(timestamps), SAMPLE_BYTES), np.uint8)
    rows[:, 0:3] = (0x12, SAMPLE_BYTES - 2, 0x09)
    rows[:, 3:11] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
    rows[:, 11] = 0x10
    for i in range(6):
        rows[:, 12 + i] = (timestamps >> (7 * i)) & 0x7F | (0x80 if i < 5 else 0)
    return rows


def series_labels(number: int) -> list[tuple[str, str]]:
    """The eleven labels of synthetic series `number`, sorted; 64 series share an instance."""
    instance, rest = divmod(number, SERIES_PER_INSTANCE)
    cpu, mode = divmod(rest, len(MODES))
    return [
        ("__name__", METRIC),
        ("cluster", f"edge-{instance % 20:02d}-prod"),
        ("container", "exporter"),
        ("cpu", str(cpu)),
        ("endpoint", "metrics"),
        ("instance", instance_name(instance)),
        ("job", "node-exporter"),
        ("mode", MODES[mode]),
        ("namespace", "monitoring"),
        ("pod", f"node-exporter-{instance * 2654435761 % 2**32:08x}"),
        ("region", f"europe-west{instance % 5}"),
    ]


def replica_label(shape: Shape, copy: int) -> Labels:
    """What distinguishes the copies of a series; sorts before every other label."""
    return [("__replica__", f"replica-{copy}")] if shape.replicas else []


def instance_name(instance: int) -> str:
    return f"worker-{instance:05d}.internal:9100"


def templates(kind: Kind, shape: Shape) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Per slice: its body without samples' bytes, and where each sample's bytes go. All of the
    first replica come first."""
    starts = range(0, shape.series, shape.body_samples)
    for copy, start in itertools.product(range(shape.copies), starts):
        numbers = range(start, min(start + shape.body_samples, shape.series))
        extra = replica_label(shape, copy)
        labelsets = [sorted([*extra, *kind.labels(number)]) for number in numbers]
        opening, prefixes = kind.parts(labelsets)
        hole = bytes(SAMPLE_BYTES)
        lengths = np.array([len(prefix) for prefix in prefixes], np.int64)
        ends = len(opening) + np.cumsum(lengths + SAMPLE_BYTES)
        template = np.frombuffer(opening + hole.join([*prefixes, b""]), np.uint8).copy()
        yield template, (ends - SAMPLE_BYTES)[:, None] + np.arange(SAMPLE_BYTES)


def counters(shape: Shape) -> Iterator[NDArray[np.float64]]:
    """Per scrape, the value of every series: counters in hundredths, as CPU seconds are.

    They start large, so that no extrapolation ever reaches below zero: the rule for that differs
    between the versions of Prometheus, and the answers are to be compared.
    """
    rng = np.random.default_rng(20)
    hundredths = rng.integers(5_000_000, 100_000_000, shape.series)
    busy = rng.integers(1, SCRAPE_INTERVAL_MS // 10, shape.series)
    for _ in range(shape.scrapes):
        hundredths += rng.integers(0, busy + 1)
        yield hundredths / 100.0


CPU_COUNTERS = Kind("synthetic", series_labels, counters)


def build_corpus(
    directory: Path, shape: Shape, kind: Kind = CPU_COUNTERS, *, last_ms: int = 0
) -> Corpus:
    """The corpus of this shape and kind, from the directory if a recent one lies there.

    last_ms: the time of the last scrape, a multiple of SCRAPE_INTERVAL_MS; 0: about now.
    """
    name = f"{kind.name}-v{CORPUS_VERSION}-{shape.series}x{shape.scrapes}-{shape.body_samples}"
    name += f"-{shape.replicas}" if shape.replicas else ""
    found = load_corpus(directory / f"{name}.json")
    if found and is_recent(found, last_ms):
        return found
    last_ms = last_ms or int(time.time() * 1000) // SCRAPE_INTERVAL_MS * SCRAPE_INTERVAL_MS
    first_ms = last_ms - (shape.scrapes - 1) * SCRAPE_INTERVAL_MS
    slices = list(templates(kind, shape))
    per_copy = len(slices) // shape.copies

    def bodies() -> Iterator[bytes | memoryview]:
        for scrape, values in enumerate(kind.values(shape)):
            for copy in range(shape.copies):
                due_ms = first_ms + scrape * SCRAPE_INTERVAL_MS - copy * REPLICA_OFFSET_MS
                rows = sample_rows(np.full(shape.series, due_ms, np.int64), values)
                for i, (template, holes) in enumerate(slices[copy * per_copy :][:per_copy]):
                    template[holes] = rows[i * shape.body_samples :][: len(holes)]
                    yield template.data

    return write_corpus(
        directory / name,
        bodies(),
        slices=len(slices),
        series=shape.series * shape.copies,
        samples=shape.samples,
        span_ms=(first_ms - (shape.copies - 1) * REPLICA_OFFSET_MS, last_ms),
    )


def is_recent(corpus: Corpus, last_ms: int) -> bool:
    if last_ms:
        return corpus.last_ms == last_ms
    return int(time.time() * 1000) - corpus.last_ms <= CORPUS_AGE_MAX_MS


def write_corpus(
    stem: Path,
    bodies: Iterable[bytes | memoryview],
    *,
    slices: int,
    series: int,
    samples: int,
    span_ms: tuple[int, int],
) -> Corpus:
    """Compress the bodies into `stem`.bin, their index into `stem`.json."""
    offsets, raw_bytes = [0], 0
    data, index = stem.with_suffix(".bin"), stem.with_suffix(".json")
    index.unlink(missing_ok=True)
    partial = data.with_suffix(".partial")
    with partial.open("wb") as file:
        for body in bodies:
            raw_bytes += len(body)
            offsets.append(offsets[-1] + file.write(snappy.compress(body)))
    os.replace(partial, data)
    corpus = Corpus(str(data), offsets, slices, series, samples, raw_bytes, *span_ms)
    index.write_text(json.dumps(asdict(corpus)))
    return corpus


def load_corpus(index: Path) -> Corpus | None:
    """The corpus an index file describes; None if it is missing."""
    if not index.exists():
        return None
    corpus = Corpus(**json.loads(index.read_text()))
    data = Path(corpus.path)
    if not data.exists() or data.stat().st_size != corpus.compressed_bytes:
        return None
    return corpus
