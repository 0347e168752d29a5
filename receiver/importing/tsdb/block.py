"""A block: its description, and its series as parts of an import."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from receiver.errors import CorruptBody
from receiver.importing.errors import BlockError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.tsdb import chunk_files, entries
from receiver.importing.tsdb.chunk_files import FOUND, ChunkFiles
from receiver.importing.tsdb.entries import SOUND
from receiver.importing.tsdb.files import (
    DELETION_FILE,
    INDEX_FILE,
    META_FILE,
    TOMBSTONES_FILE,
    BlockFiles,
)
from receiver.importing.tsdb.index import Entries, Index
from receiver.importing.tsdb.tombstones import Tombstones, read_tombstones, without_deleted
from receiver.wire.v1.writer import RequestColumns
from storage.chunks import chunks as chunk_kinds
from storage.chunks.series import decode_series, pick
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples

META_VERSION = 1
# Labels of a block by which a compactor shares out its work are none of its series.
INTERNAL = "__"
# Of the index that are read at once, and of the chunk files: about a million samples.
SERIES_AT_ONCE, CHUNKS_AT_ONCE = 1024, 8192


@dataclass(frozen=True, slots=True)
class Meta:
    """What a block says of itself. end_ms is exclusive; labels: the external ones of Thanos, which
    name its stream; resolution_ms: 0, or that of a downsampled block; sources: the ULIDs of the
    first blocks that it was made of; file_sizes: of those files of which Thanos knows it."""

    ulid: str
    start_ms: int
    end_ms: int
    labels: dict[str, str]
    resolution_ms: int
    is_deleted: bool
    sources: frozenset[str] = frozenset()
    file_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def series_labels(self) -> dict[str, str]:
        """What is added to the labels of each series."""
        return {k: v for k, v in self.labels.items() if not k.startswith(INTERNAL)}


def read_meta(directory: Path) -> Meta:
    """Raises BlockError."""
    try:
        text = (directory / META_FILE).read_text()
    except (OSError, ValueError) as error:
        raise BlockError(f"its {META_FILE} cannot be read: {error!r}") from None
    return parse_meta(text, is_deleted=(directory / DELETION_FILE).exists())


def parse_meta(text: str, *, is_deleted: bool) -> Meta:
    """Raises BlockError."""
    try:
        return meta_of(json.loads(text), is_deleted)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BlockError(f"its {META_FILE} cannot be read: {error!r}") from None


def meta_of(meta: dict[str, Any], is_deleted: bool) -> Meta:
    if meta["version"] != META_VERSION:
        raise BlockError(f"its version is {meta['version']}; only {META_VERSION} is read")
    thanos = meta.get("thanos") or {}
    labels = {str(name): str(value) for name, value in (thanos.get("labels") or {}).items()}
    resolution = int((thanos.get("downsample") or {}).get("resolution", 0))
    start, end = int(meta["minTime"]), int(meta["maxTime"])
    sources = frozenset(map(str, (meta.get("compaction") or {}).get("sources") or ()))
    files = thanos.get("files") or ()
    sizes = {str(f["rel_path"]): int(f["size_bytes"]) for f in files if f.get("size_bytes")}
    return Meta(str(meta["ulid"]), start, end, labels, resolution, is_deleted, sources, sizes)


class Block:
    """An open block."""

    def __init__(self, files: BlockFiles, meta: Meta, report: Report) -> None:
        """Raises BlockError, and SourceError if its files cannot be had."""
        self.meta = meta
        self._report = report
        self._labels = meta.series_labels
        try:
            self._index = Index(files.fetch(INDEX_FILE))
            self._tombstones: Tombstones = {}
            if TOMBSTONES_FILE in files.names():
                self._tombstones = read_tombstones(files.fetch(TOMBSTONES_FILE))
        except CorruptBody as error:
            raise BlockError(f"its index or its tombstones are damaged: {error}") from None
        self._files = ChunkFiles(files, lambda fault: report.lose("chunk files", 1, fault))

    def parts(self, first: int, span: Span) -> Iterator[Part]:
        """The series from number `first` on, with their samples of these times."""
        series = self._index.series
        for at in range(first, len(series), SERIES_AT_ONCE):
            refs = series[at : at + SERIES_AT_ONCE]
            found = self._index.entries(refs, self._labels)
            self._count_series(found, refs)
            wanted = (found.chunks[:, 0] <= span.end_ms) & (found.chunks[:, 1] >= span.start_ms)
            ends = np.concatenate([[0], np.cumsum(wanted)])[found.chunk_offsets]
            for a, b in runs(ends, CHUNKS_AT_ONCE):
                columns = self._read(found, refs, (a, b), wanted)
                yield Part(self.meta.ulid, at + b, self._cut(columns, span))
        yield Part(self.meta.ulid, len(series), is_last=True)

    def _read(
        self, found: Entries, refs: Int64s, between: tuple[int, int], wanted: np.ndarray[Any, Any]
    ) -> RequestColumns:
        """The series a:b of the entries, with their wanted chunks."""
        a, b = between
        places = slice(int(found.chunk_offsets[a]), int(found.chunk_offsets[b]))
        mask = wanted[places]
        counts = np.concatenate([[0], np.cumsum(mask)])
        offsets = counts[found.chunk_offsets[a : b + 1] - places.start]
        own = found.chunks[places][mask]
        chunks, faults = self._files.read(own[:, 2])
        decoded = decode_series(chunks, offsets)
        reasons = np.where(faults != FOUND, chunk_kinds.OK, decoded.reasons)
        self._count_chunks(own, faults, chunk_files.FAULTS)
        self._count_chunks(own, reasons, chunk_kinds.FAULTS)
        samples = without_deleted(decoded.samples, refs[a:b], self._tombstones)
        labels = found.label_offsets[a : b + 1]
        return RequestColumns(
            found.label_bytes[labels[0] : labels[-1]], labels - labels[0], samples
        )

    def _cut(self, columns: RequestColumns, span: Span) -> RequestColumns:
        samples = between_times(columns.samples, span)
        return RequestColumns(columns.label_bytes, columns.label_offsets, samples)

    def _count_series(self, found: Entries, refs: Int64s) -> None:
        for k in np.flatnonzero(found.faults != SOUND).tolist():
            fault = entries.FAULTS[found.faults[k]]
            self._report.lose(
                "series", 1, f"block {self.meta.ulid}: entry {refs[k]} of the index is {fault}"
            )

    def _count_chunks(
        self, own: Int64s, reasons: np.ndarray[Any, Any], texts: tuple[str, ...]
    ) -> None:
        for k in np.flatnonzero(reasons != 0).tolist():
            first, last, ref = own[k].tolist()
            self._report.lose(
                "chunks", 1,
                f"block {self.meta.ulid}: chunk at byte {ref & 0xFFFFFFFF} of file "
                f"{(ref >> 32) + 1:06d}, times {first} to {last}: {texts[reasons[k]]}",
            )  # fmt: skip


def runs(ends: Int64s, size_max: int) -> Iterator[tuple[int, int]]:
    """Ranges of series with at most so many chunks, or of one series. ends: chunks before each."""
    at, count = 0, len(ends) - 1
    while at < count:
        stop = max(at + 1, int(np.searchsorted(ends, ends[at] + size_max, "right")) - 1)
        yield at, stop
        at = stop


def between_times(samples: Samples, span: Span) -> Samples:
    """The samples of these times."""
    kept = (samples.timestamps >= span.start_ms) & (samples.timestamps <= span.end_ms)
    if kept.all():
        return samples
    owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    return pick(samples, np.flatnonzero(kept), owners[kept])
