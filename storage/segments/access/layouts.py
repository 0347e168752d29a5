"""Where samples lie in the segments of a shard: footers and row indexes, read once and kept."""

from collections.abc import Collection, Sequence
from pathlib import Path

from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE, SAMPLES_FILE, SERIES_FILE
from storage.segments.access.places import HERE, Places
from storage.segments.caches import WHOLE, SegmentCaches
from storage.segments.comparing import Comparing
from storage.segments.damage import Damages
from storage.segments.encoding.footers import Footer, is_damage, read_footer
from storage.segments.encoding.samples_file import GROUP_ROWS
from storage.segments.histogram_reader import HistogramFooter
from storage.segments.histogram_reader import read_footer as read_histogram_footer
from storage.segments.row_index import RowIndex, read_row_index
from storage.segments.segment import SegmentMeta

# About what footers and row indexes take in memory.
GROUP_HELD_BYTES, SERIES_HELD_BYTES = 200, 32
# Paths that are remembered; above it all are put together again.
PATHS_MAX = 1 << 16


class Layouts:
    """The layouts of one shard's segments. Thread-safe: one may be read twice."""

    def __init__(
        self,
        directory: Path,
        caches: SegmentCaches,
        damages: Damages,
        comparing: Comparing,
        places: Places = HERE,
    ) -> None:
        """directory: the shard's segments directory."""
        self._directory = directory
        self._caches = caches
        self._damages = damages
        self._comparing = comparing
        self._places = places
        # Of segments in use: putting one together takes longer than finding what is kept of it.
        self._paths: dict[str, Path] = {}

    def samples(self, segment: SegmentMeta) -> Path:
        """What the file of its samples is called."""
        path = self._paths.get(segment.ulid)
        if path is None:
            if len(self._paths) >= PATHS_MAX:
                self._paths.clear()
            path = self._paths[segment.ulid] = self._directory / segment.ulid / SAMPLES_FILE
        return path

    def bring_footers(self, segments: Sequence[SegmentMeta]) -> None:
        """Have those that are not known brought at once, where they are not here."""
        unknown = [s for s in segments if (s.ulid, WHOLE) not in self._caches.footers]
        self._places.bring_ends([self.samples(segment) for segment in unknown])

    def footer(self, segment: SegmentMeta) -> Footer | None:
        """None: the file is damaged as a whole. Raises FormatError if it is missing."""
        path = self.samples(segment)
        if self._damages.of(path) is None:
            return None
        try:
            footer = self._kept_footer(segment)
        except FormatError as error:
            if not is_damage(error):
                raise
            self._damages.note(path, None, str(error))
            return None
        return None if self._damages.of(path) is None else footer

    def index(self, segment: SegmentMeta, footer: Footer) -> RowIndex:
        index = self._caches.indexes.get((segment.ulid, WHOLE))
        if index is None:
            directory = self._directory / segment.ulid
            self._comparing.compare_from(directory / SERIES_FILE, 0)
            with self._places.held([segment]):
                index = read_row_index(directory, segment, footer, self._damages, self._places)
            self._caches.indexes.put((segment.ulid, WHOLE), index)
        return index

    def histogram_footer(self, segment: SegmentMeta) -> HistogramFooter | None:
        """None: the file is damaged as a whole. Raises FormatError if it is missing."""
        directory = self._directory / segment.ulid
        path = directory / HISTOGRAMS_FILE
        if self._damages.of(path) is None:
            return None
        footer = self._caches.histogram_footers.get((segment.ulid, WHOLE))
        if footer is not None:
            return footer
        try:
            with self._places.held([segment]):
                self._places.bring_ends([path])
                footer = read_histogram_footer(directory, self._places.place(path))
        except FormatError as error:
            if not is_damage(error):
                raise
            self._damages.note(path, None, str(error))
            return None
        self._caches.histogram_footers.put((segment.ulid, WHOLE), footer)
        return footer

    def preload(self, segment: SegmentMeta) -> bool:
        """Read where samples lie in a segment; False if that is known. Not of histograms: where
        these lie takes all ids. Raises FormatError if a file is missing."""
        kind = self._caches.indexes if not segment.histograms else self._caches.histogram_footers
        if (segment.ulid, WHOLE) in kind:
            return False
        footer = self.footer(segment)
        if segment.histograms:
            return self.histogram_footer(segment) is not None
        if footer is not None:
            self.index(segment, footer)
        return footer is not None

    def has_room_for(self, segment: SegmentMeta) -> bool:
        """Whether preload() drives out nothing."""
        return self._caches.footers.has_room_for(
            segment.samples // GROUP_ROWS * GROUP_HELD_BYTES
        ) and self._caches.indexes.has_room_for(segment.series * SERIES_HELD_BYTES)

    def forget(self, ulids: Collection[str]) -> None:
        """Remember nothing of these segments but what is in the caches."""
        for ulid in ulids:
            self._paths.pop(ulid, None)

    def _kept_footer(self, segment: SegmentMeta) -> Footer:
        footer = self._caches.footers.get((segment.ulid, WHOLE))
        if footer is None:
            path = self.samples(segment)
            with self._places.held([segment]):
                self._places.bring_ends([path])
                footer = read_footer(self._places.place(path))
            self._comparing.compare_from(path, int(footer.ends.max(initial=0)))
            self._caches.footers.put((segment.ulid, WHOLE), footer)
        return footer
