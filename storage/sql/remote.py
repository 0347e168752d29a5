"""Files of segments that are in a bucket only, as tables that DuckDB scans.

A statement reads of them what its columns and filters need: the footer, and column chunks of row
groups. What was fetched is compared with its checksums and kept, as for queries.
"""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from storage.bucket.attached import BucketOfOthers, WithoutBucket
from storage.segments.access.places import Places, Wanted
from storage.segments.segment import SegmentMeta, read_meta
from storage.sql.listing import ListedSegment, Listing

Columns = dict[str, str]

# What is read one after the other comes with one request.
READ_BYTES_MIN = 1 << 18


class RemoteFile(io.RawIOBase):
    """A file of a segment, of which what is read is fetched. For one thread at a time."""

    def __init__(self, places: Places, segment: SegmentMeta, path: Path, size: int) -> None:
        super().__init__()
        self._places = places
        self._segment = segment
        self._path = path
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Raises StoreFailed."""
        end = self._size if size < 0 else min(self._size, self._at + size)
        if end <= self._at:
            return b""
        ahead = min(self._size, max(end, self._at + READ_BYTES_MIN))
        with self._places.held([self._segment]):
            self._places.bring([Wanted(self._path, np.array([self._at]), np.array([ahead]))])
            with open(self._places.place(self._path), "rb") as file:
                file.seek(self._at)
                found = file.read(end - self._at)
        self._at = end
        return found


def with_remote(
    connection: duckdb.DuckDBPyConnection,
    listing: Listing,
    attached: BucketOfOthers | WithoutBucket,
    columns: Mapping[str, Columns],
) -> Listing:
    """The listing, with a table for each file that is in the bucket only. columns: which ones a
    file has, by its name, and their types in DuckDB. Raises FormatError if some cannot be had."""
    attached.adopt([segment.meta for segment in listing.segments])
    schemas = {file: arrow_schema(connection, own) for file, own in columns.items()}
    segments = []
    for segment in listing.segments:
        tables = {}
        for file in columns:
            source = remote_file(attached.places, segment, file)
            if source is not None:
                tables[file] = f"{segment.directory.name}/{file}"
                connection.register(tables[file], dataset(source, schemas[file]))
        segments.append(replace(segment, tables=tables))
    return replace(listing, segments=segments)


def remote_file(places: Places, segment: ListedSegment, file: str) -> RemoteFile | None:
    """None: the file is here, or there is none. Raises FormatError."""
    path = segment.directory / file
    if places.is_here(path):
        return None
    expected = read_meta(segment.directory).files.get(file)
    return None if expected is None else RemoteFile(places, segment.meta, path, expected.bytes)


def dataset(source: RemoteFile, schema: pa.Schema) -> ds.Dataset:
    """A Parquet file of which nothing is read yet; columns that it lacks are null."""
    ahead = ds.ParquetFragmentScanOptions(pre_buffer=True)
    form = ds.ParquetFileFormat(default_fragment_scan_options=ahead)
    fragment = form.make_fragment(pa.PythonFile(source, mode="r"))
    return ds.FileSystemDataset([fragment], schema, form)


def arrow_schema(connection: duckdb.DuckDBPyConnection, columns: Columns) -> pa.Schema:
    """The columns as Arrow has them."""
    nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
    table: pa.Table = connection.sql(f"SELECT {nulls} WHERE false").to_arrow_table()
    return table.schema
