"""All of a block read and compared: with checksums, its description, and what readers rely on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from receiver.errors import CorruptBody
from receiver.importing.errors import BlockError
from receiver.importing.tsdb import chunk_files, entries
from receiver.importing.tsdb.block import runs
from receiver.importing.tsdb.chunk_files import FOUND
from receiver.importing.tsdb.entries import SOUND
from receiver.importing.tsdb.files import INDEX_FILE
from receiver.stores.bucket.block import AT_ONCE, Kept, KnownBlock, weights_of
from receiver.stores.bucket.chunks import DAMAGED, PARTS, parts_of, read_chunks
from receiver.stores.bucket.header import PLACE, Header
from receiver.stores.bucket.pages import Brought, Wanted
from receiver.stores.bucket.postings import refs_of, union
from receiver.stores.bucket.series import ALIGNED_BYTES, Entries, read_entries
from receiver.stores.bucket.view import BlockFacts
from storage.chunks import chunks as chunk_kinds
from storage.chunks.chunks import OK, TRUNCATED
from storage.chunks.floats import decode_floats
from storage.chunks.series import decode_series
from storage.errors import ObjectMissing, StoreFailed
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Int64s

EXAMPLES_MAX = 3
LIST_BYTES_AT_ONCE = 32 << 20


@dataclass(slots=True)
class Verifier:
    """Reads one block as a whole. problems: of each kind, how many, and examples."""

    block: KnownBlock
    facts: BlockFacts
    kept: Kept
    problems: dict[str, list[str]] = field(default_factory=dict)
    series: int = 0
    chunks: int = 0
    samples: int = 0

    def verify(self) -> list[str]:
        """A sentence about each kind of thing that is wrong; nothing: the block is sound. Raises
        StoreFailed if the bucket does not answer."""
        try:
            self._verify()
        except ObjectMissing as error:
            self._note("files", str(error))
        except (BlockError, CorruptBody) as error:
            self._note("indexes", str(error))
        return list(self.said())

    def said(self) -> Iterator[str]:
        for what, examples in self.problems.items():
            shown = "; ".join(examples[:EXAMPLES_MAX])
            yield f"{len(examples)} {what}: {shown}"

    def _verify(self) -> None:
        size = self.block.sizes.get(INDEX_FILE)
        if size is None:
            raise BlockError(f"there is no {INDEX_FILE}")
        name = self.block.name_of(INDEX_FILE)
        header = self.kept.headers.of(self.block.meta.ulid, size)
        bring = self._bring
        refs = refs_of(header, (), name, size, bring)
        before: tuple[bytes, ...] = ()
        for a, b in runs(weights_of(refs * ALIGNED_BYTES), AT_ONCE):
            found = read_entries(
                name, min(size, header.series_end), refs[a:b], len(header.starts), bring
            )
            before = self._entries(header, refs[a:b], found, before)
        self._listed(header, name, size, refs)
        self._counted()

    def _entries(
        self, header: Header, refs: Int64s, found: Entries, before: tuple[bytes, ...]
    ) -> tuple[bytes, ...]:
        """Look at some entries, and their chunks. before: the labels of the last one, to compare
        the order; those of the last one here."""
        for k in np.flatnonzero(found.faults != SOUND).tolist():
            self._note("series", f"entry {refs[k]} of the index: {entries.FAULTS[found.faults[k]]}")
        text = header.symbols.tobytes()
        for k in range(len(refs)):
            own = found.pairs[found.label_offsets[k] : found.label_offsets[k + 1]].reshape(-1)
            starts = header.starts[own].tolist()
            ends = (header.starts[own] + header.lengths[own]).tolist()
            labels = tuple(text[a:b] for a, b in zip(starts, ends, strict=True))
            if found.faults[k] == SOUND and labels <= before:
                self._note("series out of order", f"entry {refs[k]} of the index")
            before = labels or before
        self.series += int((found.faults == SOUND).sum())
        self._times(found)
        for a, b in runs(weights_of(found.chunks[:, 2])[found.chunk_offsets], AT_ONCE):
            places = slice(int(found.chunk_offsets[a]), int(found.chunk_offsets[b]))
            self._chunks(found.chunks[places])
        return before

    def _times(self, found: Entries) -> None:
        """Chunks of a series have to follow each other, within the times of the block."""
        meta, chunks = self.block.meta, found.chunks
        sound = chunks[:, 2] >= 0
        outside = sound & ((chunks[:, 0] < meta.start_ms) | (chunks[:, 1] >= meta.end_ms))
        for k in np.flatnonzero(outside).tolist():
            self._note("chunks outside of the times of the block", where(int(chunks[k, 2])))
        backwards = np.zeros(len(chunks), np.bool_)
        backwards[1:] = chunks[1:, 0] <= chunks[:-1, 1]
        backwards[found.chunk_offsets[:-1][np.diff(found.chunk_offsets) > 0]] = False
        for k in np.flatnonzero(backwards & sound).tolist():
            self._note("chunks that overlap the one before", where(int(chunks[k, 2])))

    def _chunks(self, own: Int64s) -> None:
        own = own[own[:, 2] >= 0]
        self.chunks += len(own)
        read = read_chunks(self.block.meta.ulid, self.block.sizes, own[:, 2], self.kept.pages.bring)
        for k in np.flatnonzero(read.faults != FOUND).tolist():
            self._note("chunks", f"{where(int(own[k, 2]))}: {chunk_files.FAULTS[read.faults[k]]}")
        if self.block.meta.resolution_ms:
            parts = parts_of(read.chunks)
            reasons = np.where((parts.encodings == DAMAGED).any(axis=1), TRUNCATED, OK)
            for number in range(PARTS):
                part = parts.of(number)
                floats = np.flatnonzero(part.encodings == chunk_kinds.XOR)
                decoded = decode_floats(part.at(floats), ends_twice=True)
                reasons[floats] = np.maximum(reasons[floats], decoded.reasons)
        else:
            # Each chunk by itself: what they have in common is looked at by their times.
            decoded_series = decode_series(read.chunks, offsets_of(np.ones(len(own), np.int64)))
            reasons = decoded_series.reasons
            self.samples += len(decoded_series.samples)
        for k in np.flatnonzero((reasons != OK) & (read.faults == FOUND)).tolist():
            self._note("chunks", f"{where(int(own[k, 2]))}: {chunk_kinds.FAULTS[reasons[k]]}")

    def _listed(self, header: Header, name: str, size: int, refs: Int64s) -> None:
        """Every list of series has to be readable, and of series that there are."""
        sizes = offsets_of(np.maximum(1, header.list_ends - header.rows[:, PLACE]))
        for a, b in runs(sizes, LIST_BYTES_AT_ONCE):
            found = union(header, np.arange(a, b), name, size, self._bring)
            for ref in np.setdiff1d(found, refs)[:EXAMPLES_MAX].tolist():
                self._note("lists with series that there are not", f"entry {ref}")

    def _counted(self) -> None:
        """What the block says that it has."""
        wanted = {"series": self.facts.series, "chunks": self.facts.chunks}
        if not self.block.meta.resolution_ms:
            wanted["samples"] = self.facts.samples
        for what, number in wanted.items():
            found = int(getattr(self, what))
            if number >= 0 and found != number:
                self._note("numbers of meta.json", f"{what}: {number} are said, {found} were read")

    def _bring(self, wanted: Sequence[Wanted], known: Brought | None = None) -> Brought:
        return self.kept.pages.bring(wanted, known)

    def _note(self, what: str, why: str) -> None:
        self.problems.setdefault(what, []).append(why)


def where(ref: int) -> str:
    return f"chunk at byte {ref & 0xFFFFFFFF} of {chunk_files.file_name(ref >> 32)}"


def verify_all(
    blocks: Sequence[tuple[KnownBlock, BlockFacts]], kept: Kept, report: Callable[[str], None]
) -> int:
    """Verify blocks, one after the other; how many are not sound. report: is given their lines."""
    wrong = 0
    for block, facts in blocks:
        verifier = Verifier(block, facts, kept)
        try:
            problems = verifier.verify()
        except StoreFailed as error:
            problems = [str(error)]
        wrong += bool(problems)
        about = f"series={verifier.series} chunks={verifier.chunks} samples={verifier.samples}"
        report(f"{block.meta.ulid}  {'DAMAGED' if problems else 'sound  '}  {about}")
        for problem in problems:
            report(f"    {problem}")
    return wrong
