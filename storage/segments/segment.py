"""A segment: one immutable piece of a shard over a time range, as a directory named by its ULID.

    samples.parquet   times and values, sorted by (series_id, ts)
    aggregates.parquet  in its place where samples were downsampled
    series.parquet    one row per series: labels, time range, number of samples, newest value
    histograms.parquet  the native histograms; only where there are some
    exemplars.parquet series_id, ts, value, labels; only where there are some
    meta.json         what is in the segment, and a checksum of each file

The files are plain Parquet that others read without this program (docs/formats/segments.md). A
directory without the temporary suffix is whole: it is renamed only after everything in it was
synced.
"""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import xxhash

from storage.errors import FormatError
from storage.files import META_FILE, TEMPORARY_SUFFIX, sync_directory
from storage.kernels.arrays import UInt64s
from storage.segments.ulid import is_ulid

logger = logging.getLogger(__name__)

# Version 1 had nothing but floats: no histograms, no start timestamps, no exemplars. Up to version
# 2 all values were written as floats. Downsampled segments are of version 4, others of 3, which
# older programs read.
FORMAT_OLDEST = 1
FORMAT_VERSION = 4
FORMAT_OF_RAW = 3
CHECKSUM_READ_BYTES = 1 << 20
# A damaged byte costs the samples of one piece, about 150,000. A multiple of them is read at once.
PIECE_BYTES = 1 << 16


class SegmentMeta(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """What the catalog and queries know of a segment.

    min_ms, max_ms: times of its first and last sample; bytes: size of its Parquet files.
    level: how often its samples were compacted; resolution_ms: 0 for samples as they came.
    histograms: how many of the samples are native histograms.
    exemplars: how many it has, which may be of times out of that range.
    rank: of equal (series, time) the sample of the lower rank counts; segments of one rank share
    no time.
    from_ms, to_ms: what a segment of aggregates covers, from_ms not included, both multiples of its
    resolution; of one shard and resolution no two cover the same moment. Both 0 for samples as they
    came. samples: the rows of aggregates and of histograms that are kept.
    late_ms: when samples of what it covers were sealed, for the first time, that it may lack; 0:
    none were. This is known to the catalog only, and 0 in meta.json.
    """

    ulid: str
    shard: int
    min_ms: int
    max_ms: int
    samples: int
    series: int
    bytes: int
    created_ms: int
    level: int = 0
    resolution_ms: int = 0
    exemplars: int = 0
    histograms: int = 0
    rank: int = 0
    from_ms: int = 0
    to_ms: int = 0
    late_ms: int = 0

    @property
    def is_raw(self) -> bool:
        """Whether it has samples as they came."""
        return self.resolution_ms == 0

    @property
    def times(self) -> tuple[int, int]:
        """The first and last moment that it has something of, or covers."""
        return (self.min_ms, self.max_ms) if self.is_raw else (self.from_ms + 1, self.to_ms)


def by_rank(segments: Iterable[SegmentMeta]) -> tuple[SegmentMeta, ...]:
    """The segments in the order in which their samples count."""
    return tuple(sorted(segments, key=lambda segment: segment.rank))


def overlapping(segments: Iterable[SegmentMeta], start_ms: int, end_ms: int) -> list[SegmentMeta]:
    """The segments with samples in [start_ms, end_ms], in the order they came."""
    return [s for s in segments if s.min_ms <= end_ms and s.max_ms >= start_ms]


def marked_late(
    segments: Iterable[SegmentMeta], added: Sequence[SegmentMeta], at_ms: int
) -> Iterator[SegmentMeta]:
    """Segments, of which those that cover times of finer ones that were added may lack something
    since then."""
    for segment in segments:
        touched = (
            each.resolution_ms < segment.resolution_ms
            and each.times[0] <= segment.to_ms
            and each.times[1] > segment.from_ms
            for each in added
        )
        is_late = not segment.is_raw and not segment.late_ms and any(touched)
        yield msgspec.structs.replace(segment, late_ms=at_ms) if is_late else segment


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the samples of a segment come from; rank, level and resolution as SegmentMeta.

    starts: whether floats may have start timestamps. sources: the ULIDs of compacted segments.
    cover: from_ms and to_ms.
    """

    rank: int = 0
    level: int = 0
    resolution_ms: int = 0
    starts: bool = False
    sources: tuple[str, ...] = ()
    cover: tuple[int, int] = (0, 0)


FIRST_ORIGIN = Origin()


class FileSum(msgspec.Struct, frozen=True, omit_defaults=True):
    """Size and XXH3-64 checksum (16 hex digits) of one file.

    pieces: the checksums of its pieces of PIECE_BYTES, one after the other; empty where older
    programs made the segment.
    """

    bytes: int
    xxh3_64: str
    pieces: str = ""

    def is_of(self, expected: "FileSum") -> bool:
        return (self.bytes, self.xxh3_64) == (expected.bytes, expected.xxh3_64)

    @property
    def short(self) -> str:
        return f"{self.bytes} bytes with the checksum {self.xxh3_64}"

    @property
    def piece_sums(self) -> UInt64s:
        return np.frombuffer(bytes.fromhex(self.pieces), ">u8").astype(np.uint64)


class MetaFile(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of meta.json. sources: the ULIDs of the segments that were compacted to it."""

    format: int
    segment: SegmentMeta
    files: dict[str, FileSum]
    sources: tuple[str, ...] = ()


def write_meta(
    directory: Path,
    segment: SegmentMeta,
    files: dict[str, FileSum],
    origin: Origin = FIRST_ORIGIN,
) -> None:
    version = FORMAT_OF_RAW if segment.is_raw else FORMAT_VERSION
    meta = MetaFile(format=version, segment=segment, files=files, sources=origin.sources)
    encoded = msgspec.json.format(msgspec.json.encode(meta), indent=2)
    (directory / META_FILE).write_bytes(encoded + b"\n")


def read_meta(directory: Path) -> MetaFile:
    """Raises FormatError if the file is missing, damaged or of an unknown version."""
    path = directory / META_FILE
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=MetaFile)
    except (OSError, msgspec.DecodeError) as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    if not FORMAT_OLDEST <= meta.format <= FORMAT_VERSION:
        raise FormatError(
            f"{path} has segment format {meta.format}, this program reads {FORMAT_OLDEST} to "
            f"{FORMAT_VERSION}"
        )
    return meta


def file_sum(path: Path, spend: Callable[[int], None] = lambda size: None) -> FileSum:
    """spend() is given how many bytes were read."""
    whole = xxhash.xxh3_64()
    size, pieces = 0, []
    with open(path, "rb") as stream:
        while part := stream.read(CHECKSUM_READ_BYTES):
            whole.update(part)
            view = memoryview(part)
            for start in range(0, len(part), PIECE_BYTES):
                pieces.append(xxhash.xxh3_64_hexdigest(view[start : start + PIECE_BYTES]))
            size += len(part)
            spend(len(part))
    return FileSum(size, whole.hexdigest(), "".join(pieces))


def verify_segment(directory: Path) -> SegmentMeta:
    """Read every byte of a segment; raises FormatError if one is not as it was written."""
    meta = read_meta(directory)
    for name, expected in meta.files.items():
        try:
            found = file_sum(directory / name)
        except OSError as error:
            raise FormatError(f"cannot read {directory / name}: {error}") from error
        if not found.is_of(expected):
            raise FormatError(
                f"{directory / name} is damaged: it has {found.short}, not {expected.short}"
            )
    return meta.segment


def clean_directory(directory: Path, known: Collection[str]) -> list[str]:
    """Remove what a crash left in a shard's segments directory; returns the names removed.

    Those are unfinished segments and whole ones that the catalog does not know, either because they
    were not registered yet (their samples are still in the log) or were dropped already. Other
    files are left alone. Call it only while nothing writes segments there.
    """
    removed = [name for name in sorted(os.listdir(directory)) if is_leftover(name, known)]
    for name in removed:
        remove_segment(directory, name)
        logger.warning("removed a segment that is not in use directory=%s name=%s", directory, name)
    return removed


def is_leftover(name: str, known: Collection[str]) -> bool:
    if name.endswith(TEMPORARY_SUFFIX):
        return is_ulid(name.removesuffix(TEMPORARY_SUFFIX))
    return is_ulid(name) and name not in known


def missing_segments(directory: Path, known: Collection[str]) -> list[str]:
    """The known segments whose directory or meta file is not there."""
    return sorted(ulid for ulid in known if not (directory / ulid / META_FILE).is_file())


def remove_segment(directory: Path, name: str) -> None:
    """Delete one segment's directory, durably."""
    shutil.rmtree(directory / name)
    sync_directory(directory)
