"""Segments whose files are elsewhere: nothing is read that was not brought, and all is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from storage.segments.access.places import Wanted
from storage.segments.caches import SegmentCaches
from storage.segments.duck import Duck
from storage.segments.reader import SegmentReader
from storage.segments.segment import PIECE_BYTES, SegmentMeta
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES, contents
from tests.makers.segments import some_rows, write_mixed, write_rows

INT64 = np.iinfo(np.int64)
WHOLE = (int(INT64.min), int(INT64.max))
ELSEWHERE = ("samples.parquet", "histograms.parquet")


class Elsewhere:
    """Files that were taken away: of what is brought, the bytes are put into an empty file."""

    def __init__(self, directory: Path, segments: Sequence[SegmentMeta]) -> None:
        self._directory = directory
        self._held: list[str] = []
        self._contents: dict[Path, bytes] = {}
        self.brought: list[str] = []
        for path in [directory / s.ulid / name for s in segments for name in ELSEWHERE]:
            if path.exists():
                self._contents[path] = path.read_bytes()
                path.unlink()
                self.place(path).write_bytes(bytes(len(self._contents[path])))

    @contextmanager
    def held(self, segments: Iterable[SegmentMeta]) -> Iterator[None]:
        self._held += [segment.ulid for segment in segments]
        yield
        for segment in segments:
            self._held.remove(segment.ulid)

    def is_here(self, path: Path) -> bool:
        return path not in self._contents

    def bring(self, wanted: Sequence[Wanted]) -> None:
        for path, begins, ends in wanted:
            if self.is_here(path):
                continue
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                assert path.parent.name in self._held
                self.brought.append(path.name)
                with self.place(path).open("r+b") as file:
                    file.seek(begin)
                    file.write(self._contents[path][begin:end])

    def bring_ends(self, paths: Sequence[Path]) -> None:
        for path in paths:
            size = np.array([len(self._contents.get(path, b""))])
            self.bring([Wanted(path, np.maximum(size - PIECE_BYTES, 0), size)])

    def place(self, path: Path) -> Path:
        if path.name not in ELSEWHERE or path.exists():
            return path
        return self._directory / f"{path.parent.name}-{path.name}"


def test_samples_are_read_from_elsewhere(tmp_path: Path, duck: Duck) -> None:
    small = RowGroups(sample_rows=2048)
    metas = [
        write_rows(duck, tmp_path, some_rows(range(20), range(at, at + 40_000, 9)), groups=small)
        for at in (0, 40_000)
    ]
    ids = np.array([3, 4, 17], np.int64)
    spans = [WHOLE, (100, 50_000)]
    reader = SegmentReader(tmp_path, SegmentCaches())
    expected = [contents(reader.select(metas, ids, span)) for span in spans]
    places = Elsewhere(tmp_path, metas)
    caches = SegmentCaches()
    reader = SegmentReader(tmp_path, caches, places=places)
    assert [contents(reader.select(metas, ids, span)) for span in spans] == expected
    fewer = len(places.brought)
    assert 0 < fewer < caches.footers.get((metas[0].ulid, 0)).starts.size  # type: ignore[union-attr]
    assert [contents(reader.select(metas, ids, span)) for span in spans] == expected
    assert len(places.brought) == fewer, "what is kept decoded was brought again"


def test_histograms_are_read_from_elsewhere(tmp_path: Path, duck: Duck) -> None:
    series = {
        number: [(at, EXAMPLES[at % len(EXAMPLES)] if at % 2 else float(at), 0) for at in range(40)]
        for number in range(4)
    }
    meta = write_mixed(duck, tmp_path, series)
    ids = np.array([1, 3], np.int64)
    expected = contents(SegmentReader(tmp_path, SegmentCaches()).select([meta], ids, (3, 30)))
    places = Elsewhere(tmp_path, [meta])
    reader = SegmentReader(tmp_path, SegmentCaches(), places=places)
    assert contents(reader.select([meta], ids, (3, 30))) == expected
    assert set(places.brought) == set(ELSEWHERE)
