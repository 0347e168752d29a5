"""A write request as columns, and what became of it.

A batch is what a decoder makes of one request body, and what the log gives back at replay; ingest
and replay run the same code on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from storage.histograms.columns import Natives
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int64s, UInt64s
from storage.samples.exemplars import RawExemplars

# Record kinds: how a log record's payload is encoded. They are on disk; never reuse a number.
KIND_REMOTE_WRITE_1_SNAPPY = 1
KIND_REMOTE_WRITE_1_ZSTD = 2
KIND_REMOTE_WRITE_2_SNAPPY = 3
KIND_REMOTE_WRITE_2_ZSTD = 4
KIND_TENANT_RULES = 64  # no request: storage/log/rules.py
KIND_SERIES_LEFT_OUT = 65  # a request and what was not taken of it: storage/log/rules.py
KIND_ELECTIONS = 66  # no request: storage/shard/reigns.py


# A sample that is no part of a data point.
NO_POINT = -1


@dataclass(frozen=True, slots=True)
class SymbolSpans:
    """The symbols of a remote write 2.0 request: text i is starts[i]:starts[i]+lengths[i] of the
    batch's buffer."""

    starts: Int64s
    lengths: Int64s


@dataclass(frozen=True, slots=True)
class RawNatives(Natives):
    """The native histograms among the samples of a request. reasons: int8 for each histogram, 0
    or why it is refused (storage.reasons); None: all are sound."""

    reasons: Int8s | None = None


@dataclass(frozen=True, slots=True)
class RawMetadata:
    """What a request says of metric families: texts as bytes start:end of the buffer.

    spans: int64[n, 6], start and end of the name, of the help text and of the unit. Names are those
    of families, or of series where named_by_series says so. kinds: int8, numbered as remote write
    does. The hash is keyed and covers an entry as a whole.
    """

    buffer: Bytes
    spans: Int64s
    kinds: Int8s
    hash_low: UInt64s
    hash_high: UInt64s
    named_by_series: bool = False

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(slots=True)
class Batch:
    """The columns of one request. Arrays may be views of reused buffers: valid until release().
    Filled in by its decoder, and not changed any more by anyone after that.

    Series i has the label bytes buffer[label_start[i]:label_end[i]] (a run of protobuf Label
    fields, possibly with other fields in between), a keyed 128-bit hash of those bytes, and the
    samples sample_offsets[i]:sample_offsets[i+1]. Timestamps are int64 ms, values keep the bits
    they came with.

    With `symbols`, label_start and label_end are where the series' fields labels_refs are instead,
    numbers of symbols in pairs; series_reasons: int8 for each series, 0 or why it is refused
    (storage.series.kernels); None: nothing is known against any.

    starts, natives: as in storage.samples.samples.Samples; native histograms stand among the
    floats of their series, with their sum as value.

    points: int64 for each sample, the number of the data point of another protocol that it is a
    part of, or NO_POINT; None: no one asks how many points were refused.
    """

    buffer: Bytes
    label_start: Int64s
    label_end: Int64s
    hash_low: UInt64s
    hash_high: UInt64s
    sample_offsets: Int64s
    timestamps: Int64s
    values: Float64s
    starts: Int64s | None = None
    natives: RawNatives | None = None
    symbols: SymbolSpans | None = None
    series_reasons: Int8s | None = None
    points: Int64s | None = None
    exemplars: RawExemplars | None = None
    metadata: RawMetadata | None = None
    # The request body as received, which is what the log keeps, and how it is encoded.
    kind: int = 0
    payload: bytes = b""
    release: Callable[[], None] = field(default=lambda: None)

    @property
    def series_count(self) -> int:
        return len(self.label_start)

    @property
    def sample_count(self) -> int:
        """Samples of all series, native histograms included."""
        return len(self.timestamps)

    @property
    def bucket_count(self) -> int:
        """Buckets and custom bounds of all native histograms."""
        return 0 if self.natives is None else self.natives.histograms.bucket_count

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not self.series_count and self.metadata is None


# How a payload of some kind becomes a batch; raises ValueError if it cannot.
Decoder = Callable[[int, bytes], Batch]


@dataclass(frozen=True, slots=True)
class Example:
    """A refused sample: labels as they were sent, cut if they are long, and what it said.

    timestamp_ms, value: None where the series was refused before anyone looked at its samples.
    """

    labels: Mapping[str, str]
    timestamp_ms: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Samples refused for one reason, with the first of them spelled out.

    message: what was got, what is allowed, and the setting that governs it, where one does.
    examples: a few of them; none where a whole request was refused.
    """

    reason: str
    count: int
    message: str
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. accepted: samples, native histograms and duplicates included."""

    accepted: int
    rejects: tuple[Reject, ...] = ()
    histograms: int = 0  # of the accepted
    exemplars: int = 0  # accepted, beside the samples
    exemplar_rejects: tuple[Reject, ...] = ()  # mostly no reason to answer with an error
    metadata_not_kept: int = 0  # entries for which there is no room
    dropped: int = 0  # of the accepted: left out because relabelling says so
    copies: int = 0  # of the accepted: left out because another replica's samples are kept
    refused_points: int = 0  # data points of which a sample was refused, where a batch has points
    kept_out: tuple[Reject, ...] = ()  # of the accepted: another value stands at their moment
