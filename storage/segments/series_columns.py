"""The series of one segment as columns, read back to write a segment of the same series.

Row groups are read one after the other, and texts become codes at once: of a million series the
labels take megabytes then, not hundreds of them.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.kernels.arrays import Int32s, Int64s
from storage.labels.pairs import LabelPairs
from storage.segments.damage import UNREADABLE
from storage.segments.writer import SERIES_SCHEMA, SeriesColumns

COLUMNS = ["series_id", "tenant", "labels", "samples"]
READ_SCHEMA = pa.schema([SERIES_SCHEMA.field(name) for name in COLUMNS])


def read_series_columns(path: Path) -> tuple[SeriesColumns, Int64s]:
    """The series of a series.parquet, ascending by id, and how many samples each has. Raises
    FormatError."""
    try:
        with pq.ParquetFile(path) as file:
            groups = [
                file.read_row_group(group, columns=COLUMNS, use_threads=False)
                .cast(READ_SCHEMA)
                .combine_chunks()
                for group in range(file.num_row_groups)
            ]
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    maps = [chunk for table in groups for chunk in table["labels"].chunks]
    codes, symbols = encoded([texts for part in maps for texts in (part.keys, part.items)])
    tenants, names = encoded([chunk for table in groups for chunk in table["tenant"].chunks])
    counts = [np.diff(part.offsets.to_numpy()) for part in maps]
    offsets = np.zeros(1 + sum(len(part) for part in counts), np.int64)
    np.cumsum(np.concatenate([np.zeros(0, np.int64), *counts]), out=offsets[1:])
    pairs = LabelPairs(offsets, joined(codes[0::2]), joined(codes[1::2]))
    ids, samples = (
        np.concatenate([np.zeros(0, np.int64), *(table[name].to_numpy() for table in groups)])
        for name in ("series_id", "samples")
    )
    if (ids[1:] <= ids[:-1]).any():
        raise FormatError(f"{path} does not have its series in order")
    return SeriesColumns(ids, joined(tenants), pairs, names, symbols), samples


def encoded(columns: list[pa.Array]) -> tuple[list[Int32s], pa.Array]:
    """Columns of texts as codes of one list of texts."""
    if not columns:
        return [], pa.array([], pa.large_string())
    unified = pa.chunked_array([each.dictionary_encode() for each in columns]).unify_dictionaries()
    codes = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in unified.chunks]
    return [part.astype(np.int32) for part in codes], unified.chunk(0).dictionary


def joined(codes: list[Int32s]) -> Int32s:
    found: Int32s = np.concatenate([np.zeros(0, np.int32), *codes])
    return found


def label_codes(series: SeriesColumns, name: str) -> Int32s:
    """One label's value of each series: positions in the symbols plus one, 0 where it has none."""
    code = pc.index(series.symbols, pa.scalar(name, series.symbols.type)).as_py()
    values = np.full(len(series.ids), -1, np.int32)
    if code >= 0:
        series.pairs.fill(code, values)
    return values + np.int32(1)


def texts_of_codes(series: SeriesColumns, codes: list[int]) -> list[str]:
    """What the codes of label_codes() stand for."""
    texts = series.symbols.take(pa.array([max(code - 1, 0) for code in codes], pa.int64()))
    return [text if code else "" for code, text in zip(codes, texts.to_pylist(), strict=True)]
