"""Statements on the views of a data directory that may change, or be damaged, meanwhile.

A segment that a server has replaced is no error: what is listed then is taken. One of which a file
cannot be read is left out, loudly; it costs no other.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from storage.files import (
    AGGREGATES_FILE,
    EXEMPLARS_FILE,
    HISTOGRAMS_FILE,
    SAMPLES_FILE,
    SERIES_FILE,
)
from storage.sql.listing import ListedSegment, Listing, read_listing
from storage.sql.views import Attached, create_views

PARQUET_FILES = (SAMPLES_FILE, AGGREGATES_FILE, SERIES_FILE, HISTOGRAMS_FILE, EXEMPLARS_FILE)
ATTEMPTS = 5
ERRORS_OF_STATEMENTS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.InterruptException,
)


class Session:
    """One DuckDB with the views of a data directory."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        data: Path,
        attached: Attached,
        warn: Callable[[str], None],
    ) -> None:
        """warn: is given a sentence on each segment that is left out. Raises FormatError, and
        duckdb.Error if the views cannot be made."""
        self.connection = connection
        self._attached = attached
        self._warn = warn
        self._left_out: set[str] = set()
        self.listing = self._listed(data)
        self._attempt(lambda: create_views(connection, self.listing, attached), fresh=True)

    def execute(self, statement: duckdb.Statement) -> None:
        """Raises duckdb.Error."""
        self._attempt(lambda: self.connection.execute(statement))

    def _attempt(self, work: Callable[[], object], *, fresh: bool = False) -> None:
        """fresh: whether the work makes the views itself."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                work()
                return
            except duckdb.Error as error:
                is_own = isinstance(error, ERRORS_OF_STATEMENTS)
                if is_own or attempt == ATTEMPTS or not self._look_again():
                    raise
            if not fresh:
                create_views(self.connection, self.listing, self._attached)

    def _look_again(self) -> bool:
        """Whether there is something else to be read than before."""
        known = ulids(self.listing)
        self.listing = self._listed(self.listing.data)
        if ulids(self.listing) != known:
            return True
        for segment in self.listing.segments:
            problem = unreadable(segment)
            if problem:
                self._left_out.add(segment.directory.name)
                self._warn(
                    f"segment {segment.directory.name} is left out: {problem}; cupola verify says "
                    "what else is damaged"
                )
        self.listing = self._listed(self.listing.data)
        return ulids(self.listing) != known

    def _listed(self, data: Path) -> Listing:
        listing = read_listing(data)
        kept = [s for s in listing.segments if s.directory.name not in self._left_out]
        return replace(listing, segments=kept)


def ulids(listing: Listing) -> list[str]:
    return [segment.directory.name for segment in listing.segments]


def unreadable(segment: ListedSegment) -> str:
    """Why a file of a segment cannot be read; "" if all have a footer."""
    for file in PARQUET_FILES:
        path = segment.directory / file
        try:
            if path.exists():
                pq.read_metadata(path)
            elif file == SERIES_FILE:
                return f"it has no {file}"
        except (OSError, pa.ArrowException) as error:
            return f"{file} cannot be read: {str(error).splitlines()[0]}"
    return ""
