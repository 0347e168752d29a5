"""A block: its description, and its series as parts of an import."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from receiver.errors import CorruptBody
from receiver.importing.errors import BlockError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.tsdb import chunk_files, entries
from receiver.importing.tsdb.chunk_files import FOUND, ChunkFiles
from receiver.importing.tsdb.entries import SOUND
from receiver.importing.tsdb.index import Entries, Index
from receiver.importing.tsdb.tombstones import read_tombstones, without_deleted
from receiver.wire.v1.writer import RequestColumns
from storage.chunks import chunks as chunk_kinds
from storage.chunks.series import decode_series, pick
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples

META_FILE, DELETION_FILE = "meta.json", "deletion-mark.json"
META_VERSION = 1
# Of the index that are read at once, and of the chunk files: about a million samples.
SERIES_AT_ONCE, CHUNKS_AT_ONCE = 1024, 8192


@dataclass(frozen=True, slots=True)
class Meta:
    """What a block says of itself. end_ms is exclusive; labels: the external ones of Thanos;
    resolution_ms: 0, or that of a downsampled block."""

    ulid: str
    start_ms: int
    end_ms: int
    labels: dict[str, str]
    resolution_ms: int
    is_deleted: bool


def read_meta(directory: Path) -> Meta:
    """Raises BlockError."""
    try:
        meta = json.loads((directory / META_FILE).read_text())
        return parse_meta(meta, is_deleted=(directory / DELETION_FILE).exists())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BlockError(f"its {META_FILE} cannot be read: {error!r}") from None


def parse_meta(meta: dict[str, Any], *, is_deleted: bool) -> Meta:
    if meta["version"] != META_VERSION:
        raise BlockError(f"its version is {meta['version']}; only {META_VERSION} is read")
    thanos = meta.get("thanos") or {}
    labels = {str(name): str(value) for name, value in (thanos.get("labels") or {}).items()}
    resolution = int((thanos.get("downsample") or {}).get("resolution", 0))
    start, end = int(meta["minTime"]), int(meta["maxTime"])
    return Meta(str(meta["ulid"]), start, end, labels, resolution, is_deleted)


class Block:
    """An open block."""

    def __init__(self, directory: Path, meta: Meta, report: Report) -> None:
        """Raises BlockError."""
        self.meta = meta
        self._report = report
        try:
            self._index = Index(directory / "index")
            self._tombstones = read_tombstones(directory / "tombstones")
        except CorruptBody as error:
            raise BlockError(f"its index or its tombstones are damaged: {error}") from None
        self._files = ChunkFiles(directory / "chunks")
        for fault in self._files.faults:
            report.lose("chunk files", 1, fault)

    def parts(self, first: int, span: Span) -> Iterator[Part]:
        """The series from number `first` on, with their samples of these times."""
        series = self._index.series
        for at in range(first, len(series), SERIES_AT_ONCE):
            refs = series[at : at + SERIES_AT_ONCE]
            found = self._index.entries(refs, self.meta.labels)
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
