"""The series tables of segments: which series there are, and which have samples in a time range.

A series stands in every segment that has samples of it. Its range of times is put together from all
of these; its labels and newest value are read from the one that has its newest sample. Values pass
through no aggregate: DuckDB's may give another NaN than they got.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import SERIES_FILE
from storage.kernels.arrays import Int64s
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.duck import Duck, quoted
from storage.segments.examination import examine_file
from storage.segments.segment import SegmentMeta, overlapping, read_meta

BATCH_ROWS = 65_536

# holder: the segment with the newest sample, and the older one where two have that time.
SUMMARY_SQL = """
    SELECT series_id,
           min(min_ts) AS min_ts,
           max(max_ts) AS max_ts,
           arg_max(file_index, (max_ts, -(file_index::BIGINT))) AS holder
    FROM read_parquet([{files}])
    GROUP BY series_id
    ORDER BY series_id
"""
SERIES_SQL = """
    SELECT series_id, tenant, labels, last_value, {last_histogram} AS last_histogram
    FROM read_parquet({file})
    SEMI JOIN wanted USING (series_id)
    ORDER BY series_id
"""
RANGE_SQL = """
    SELECT DISTINCT series_id
    FROM read_parquet([{files}])
    WHERE max_ts >= ? AND min_ts <= ?
    ORDER BY series_id
"""
IDS_SQL = """
    SELECT DISTINCT series_id
    FROM read_parquet([{files}])
    ORDER BY series_id
"""
ENDS_SQL = """
    SELECT series_id, min_ts, max_ts
    FROM read_parquet([{files}])
    SEMI JOIN wanted USING (series_id)
    WHERE max_ts >= ? AND min_ts <= ?
    ORDER BY series_id
"""

STOCKS_SQL = """
    SELECT series_id, min_ts, max_ts, samples, file_index::BIGINT AS segment
    FROM read_parquet([{files}])
    SEMI JOIN wanted USING (series_id)
    WHERE max_ts >= ? AND min_ts <= ?
    ORDER BY series_id
"""


class Stock(NamedTuple):
    """What segments have of series, a row for each of both: the id, the times of the first and the
    last sample, how many there are, and the place of the segment among those asked."""

    ids: Int64s
    first_ms: Int64s
    last_ms: Int64s
    samples: Int64s
    segments: Int64s


class SeriesReader:
    """Reads the series tables of one shard's segments. Thread-safe."""

    def __init__(
        self,
        duck: Duck,
        directory: Path,
        *,
        batch_rows: int = BATCH_ROWS,
        damages: Damages | None = None,
    ) -> None:
        """directory: the shard's segments directory; batch_rows: of the tables that are read;
        damages: what in_range() passes over."""
        self._damages = damages or Damages()
        self._batch_rows = batch_rows
        self._duck = duck
        self._directory = directory

    def read(self, segments: Sequence[SegmentMeta]) -> Iterator[pa.Table]:
        """Every series of the segments (oldest first) once, in tables of bounded size.

        Columns: series_id, tenant, labels (a map), last_value, last_histogram, min_ts, max_ts,
        where value and histogram (its fingerprint, or null) are those at max_ts. Ids ascend within
        a table, not from one to the next.
        """
        if not segments:
            return
        summary = self._query(SUMMARY_SQL.format(files=self._files(segments)))
        holders = summary["holder"].to_numpy()
        for position, segment in enumerate(segments):
            rows = np.flatnonzero(holders == position)
            for start in range(0, len(rows), self._batch_rows):
                part = summary.take(pa.array(rows[start : start + self._batch_rows]))
                yield self._describe(part, segment)

    def in_range(self, segments: Sequence[SegmentMeta], start_ms: int, end_ms: int) -> Int64s:
        """The ids of series that may have samples in [start_ms, end_ms], ascending.

        Goes by first and last time within each segment: a series with a gap around the whole range
        is named too. Exact where the range covers a segment, and never short of a series.
        """
        meeting = [s for s in overlapping(segments, start_ms, end_ms) if self._is_sound(s)]
        if not meeting:
            return np.zeros(0, np.int64)
        sql = RANGE_SQL.format(files=self._files(meeting))
        try:
            ids: Int64s = self._query(sql, start_ms, end_ms)["series_id"].to_numpy()
        except FormatError:
            if not self.note_damaged(meeting):
                raise
            return self.in_range(meeting, start_ms, end_ms)
        return ids

    def ids(self, segments: Sequence[SegmentMeta]) -> Int64s:
        """The ids of all series of the segments, ascending."""
        if not segments:
            return np.zeros(0, np.int64)
        found = self._query(IDS_SQL.format(files=self._files(segments)))["series_id"]
        ids: Int64s = found.to_numpy()
        return ids

    def ends(
        self, segments: Sequence[SegmentMeta], ids: Int64s, span: tuple[int, int]
    ) -> tuple[Int64s, Int64s, Int64s]:
        """Of each segment that has one of the series and may have samples of it in span: its id,
        and the times of its first and last sample there."""
        none = np.zeros(0, np.int64)
        meeting = [s for s in overlapping(segments, *span) if self._is_sound(s)]
        if not meeting or not len(ids):
            return none, none, none
        wanted = pa.table({"series_id": ids})
        found = self._query(ENDS_SQL.format(files=self._files(meeting)), *span, wanted=wanted)
        series_ids, firsts, lasts = (np.array(column.to_numpy()) for column in found.columns)
        return series_ids, firsts, lasts

    def stock(self, segments: Sequence[SegmentMeta], ids: Int64s, span: tuple[int, int]) -> Stock:
        """As ends(), with the numbers of samples in the whole of each segment."""
        sound = [k for k, s in enumerate(segments) if overlapping([s], *span) and self._is_sound(s)]
        if not sound or not len(ids):
            none = np.zeros(0, np.int64)
            return Stock(none, none, none, none, none)
        files = self._files([segments[k] for k in sound])
        wanted = pa.table({"series_id": ids})
        found = self._query(STOCKS_SQL.format(files=files), *span, wanted=wanted)
        *columns, places = (np.array(column.to_numpy()) for column in found.columns)
        own, first_ms, last_ms, samples = columns
        return Stock(own, first_ms, last_ms, samples, np.array(sound, np.int64)[places])

    def note_damaged(self, segments: Sequence[SegmentMeta]) -> list[tuple[SegmentMeta, str]]:
        """Find the segments whose series tables are not as they were written, and why; they are
        passed over from now on, which is logged. One that is missing raises FormatError."""
        damaged = []
        for segment in segments:
            path = self._directory / segment.ulid / SERIES_FILE
            reason = what_is_wrong(path)
            if reason is not None:
                self._damages.note(path, None, reason)
                damaged.append((segment, reason))
        return damaged

    def _is_sound(self, segment: SegmentMeta) -> bool:
        return self._damages.of(self._directory / segment.ulid / SERIES_FILE) is not None

    def _describe(self, summary: pa.Table, segment: SegmentMeta) -> pa.Table:
        wanted = summary.select(["series_id"])
        last_histogram = "last_histogram" if segment.histograms else "NULL::BIGINT"
        file = quoted(self._directory / segment.ulid / SERIES_FILE)
        sql = SERIES_SQL.format(file=file, last_histogram=last_histogram)
        series = self._query(sql, wanted=wanted)
        if not series["series_id"].equals(summary["series_id"]):
            raise FormatError(f"the series table of segment {segment.ulid} names a series twice")
        for name in ("min_ts", "max_ts"):
            series = series.append_column(name, summary[name])
        return series

    def _files(self, segments: Sequence[SegmentMeta]) -> str:
        return ", ".join(quoted(self._directory / s.ulid / SERIES_FILE) for s in segments)

    def _query(self, sql: str, *parameters: int, wanted: pa.Table | None = None) -> pa.Table:
        cursor = self._duck.cursor()
        import duckdb  # here, where it is loaded already

        try:
            if wanted is not None:
                cursor.register("wanted", wanted)
            options: dict[str, Any] = {"params": list(parameters)} if parameters else {}
            return cursor.sql(sql, **options).to_arrow_table()
        except duckdb.Error as error:
            raise FormatError(f"cannot read series tables: {error}") from error
        finally:
            if wanted is not None:
                cursor.unregister("wanted")


def what_is_wrong(path: Path) -> str | None:
    """With a series table; None: nothing. Wrong labels may be seen by nothing but the checksum.
    Raises FormatError if the file is missing."""
    if not path.exists():
        raise FormatError(f"cannot read {path}: there is no such file")
    try:
        wrong = examine_file(path.parent, path.name, read_meta(path.parent), lambda size: None)
    except (FormatError, KeyError):  # meta.json is damaged: being readable has to do
        return why_unreadable(path)
    return None if wrong is None else wrong.reason


def why_unreadable(path: Path) -> str | None:
    try:
        pq.read_table(path)
    except UNREADABLE as error:
        return f"cannot read {path}: {error}"
    return None
