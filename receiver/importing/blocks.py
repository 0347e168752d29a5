"""Blocks of Prometheus or of Thanos as a source: one block, or all blocks of a directory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from receiver.importing.choice import FoundBlock, chosen
from receiver.importing.errors import BlockError, SourceError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.tsdb.block import Block, read_meta
from receiver.importing.tsdb.files import META_FILE, LocalFiles

# The position of a block that is read as a whole: it need not be opened to know that.
FINISHED = -1


class BlockSource:
    """Blocks, one after the other. What cannot be read is reported and left."""

    def __init__(self, name: str, blocks: Sequence[FoundBlock], report: Report, span: Span) -> None:
        self.name = name
        self._report = report
        self._span = span
        self._blocks = blocks

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        total = len(self._blocks)
        for number, block in enumerate(self._blocks, 1):
            position = done.get(block.meta.ulid, 0)
            if position == FINISHED:
                continue
            for part in self._parts(block, position):
                yield replace(part, stage=f"block {number} of {total}")

    def _parts(self, block: FoundBlock, first: int) -> Iterator[Part]:
        ulid = block.meta.ulid
        try:
            for part in Block(block.files, block.meta, self._report).parts(first, self._span):
                yield replace(part, position=FINISHED) if part.is_last else part
        except BlockError as error:
            self._report.lose("blocks", 1, f"block {ulid}: {error}")
        finally:
            block.files.close()


def directory_source(path: Path, report: Report, span: Span) -> BlockSource:
    """The raw blocks under a path. Raises SourceError if there is no block."""
    blocks = chosen(blocks_under(path, report), report, span)
    return BlockSource(f"blocks {path.resolve()}", blocks, report, span)


def blocks_under(path: Path, report: Report) -> list[FoundBlock]:
    candidates = [path]
    if not (path / META_FILE).exists():
        candidates = sorted(p for p in path.iterdir() if (p / META_FILE).exists())
    if not candidates:
        raise SourceError(f"{path} is no block and has none: there is no {META_FILE}")
    if (path / "wal").exists():
        report.note(
            "the write-ahead log beside the blocks is not read: what is newer than the last "
            "block is in a snapshot of Prometheus, or can be read by --url"
        )
    found = []
    for candidate in candidates:
        try:
            found.append(FoundBlock(read_meta(candidate), LocalFiles(candidate)))
        except BlockError as error:
            report.lose("blocks", 1, f"{candidate}: {error}")
    return found
