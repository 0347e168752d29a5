"""Blocks of Prometheus or of Thanos as a source: one block, or all blocks of a directory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from receiver.importing.errors import BlockError, SourceError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.tsdb.block import META_FILE, Block, Meta, read_meta


@dataclass(frozen=True, slots=True)
class FoundBlock:
    """A block that is not open yet."""

    path: Path
    meta: Meta


class BlockSource:
    """The raw blocks under a path, the oldest first. What cannot be read is reported and left."""

    def __init__(self, path: Path, report: Report, span: Span) -> None:
        """Raises SourceError if there is no block."""
        self._path = path
        self._report = report
        self._span = span
        self._blocks = self._choose(self._find())

    @property
    def name(self) -> str:
        return f"blocks {self._path.resolve()}"

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        for block in self._blocks:
            ulid = block.meta.ulid
            try:
                opened = Block(block.path, block.meta, self._report)
            except BlockError as error:
                self._report.lose("blocks", 1, f"block {ulid}: {error}")
                continue
            yield from opened.parts(done.get(ulid, 0), self._span)

    def _find(self) -> list[FoundBlock]:
        candidates = [self._path]
        if not (self._path / META_FILE).exists():
            candidates = sorted(p for p in self._path.iterdir() if (p / META_FILE).exists())
        if not candidates:
            raise SourceError(f"{self._path} is no block and has none: there is no {META_FILE}")
        if (self._path / "wal").exists():
            self._report.note(
                "the write-ahead log beside the blocks is not read: what is newer than the last "
                "block is in a snapshot of Prometheus, or can be read by --url"
            )
        found = []
        for path in candidates:
            try:
                found.append(FoundBlock(path, read_meta(path)))
            except BlockError as error:
                self._report.lose("blocks", 1, f"{path}: {error}")
        return sorted(found, key=lambda block: (block.meta.start_ms, block.meta.ulid))

    def _choose(self, found: list[FoundBlock]) -> list[FoundBlock]:
        """Those that are imported. A block of aggregates is not: its samples are no samples. It is
        a loss only where there is no raw block of its stream for some of its time."""
        live = [block for block in found if not block.meta.is_deleted]
        if len(live) < len(found):
            self._report.note(f"{len(found) - len(live)} blocks are marked for deletion: left out")
        raw = [block for block in live if block.meta.resolution_ms == 0]
        aggregates = [block for block in live if block.meta.resolution_ms != 0]
        if aggregates:
            self._report.note(
                f"{len(aggregates)} downsampled blocks are left out: only raw samples are imported"
            )
        for block in aggregates:
            for start, end in uncovered(block.meta, [other.meta for other in raw]):
                self._report.lose(
                    "downsampled blocks of times without raw samples", 1,
                    f"block {block.meta.ulid}: resolution {block.meta.resolution_ms} ms, "
                    f"times {start} to {end}",
                )  # fmt: skip
        overlap = self._span.start_ms, self._span.end_ms
        return [b for b in raw if b.meta.start_ms <= overlap[1] and b.meta.end_ms > overlap[0]]


def uncovered(meta: Meta, raw: list[Meta]) -> list[tuple[int, int]]:
    """The time of a block for which there is no raw block of its stream: at most one range, from
    the first such time to the last."""
    gaps = []
    at = meta.start_ms
    for other in sorted(raw, key=lambda m: m.start_ms):
        if other.labels != meta.labels:
            continue
        if other.start_ms > at:
            gaps.append((at, min(other.start_ms, meta.end_ms)))
        at = max(at, other.end_ms)
        if at >= meta.end_ms:
            break
    if at < meta.end_ms:
        gaps.append((at, meta.end_ms))
    gaps = [(start, end) for start, end in gaps if start < end]
    return [(gaps[0][0], gaps[-1][1])] if gaps else []
