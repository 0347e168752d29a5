"""The exemplars of segments: a Parquet file beside the samples, written and read with Arrow.

    exemplars.parquet   series_id, ts, value, labels; sorted by (series_id, ts)

A segment without exemplars has no such file. What two segments both have is here twice; it is
made one where exemplars are selected.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError, StorageError
from storage.files import EXEMPLARS_FILE
from storage.kernels.arrays import Bytes, Float64s, Int64s
from storage.samples.exemplar_kernels import HEADER_BYTES, join_runs, measure_runs, split_runs
from storage.samples.exemplars import ExemplarLabels, Exemplars, no_exemplars
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.segment import SegmentMeta

GROUP_ROWS = 16_384

SCHEMA = pa.schema(
    [
        pa.field("series_id", pa.int64(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("labels", pa.map_(pa.large_string(), pa.large_string()), nullable=False),
    ]
)
# Names of labels repeat, trace ids do not.
FORMAT: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["labels.key_value.key"],
    "column_encoding": {
        "series_id": "DELTA_BINARY_PACKED",
        "ts": "DELTA_BINARY_PACKED",
        "value": "BYTE_STREAM_SPLIT",
        "labels.key_value.value": "DELTA_LENGTH_BYTE_ARRAY",
    },
    "store_schema": False,
}


@dataclass(frozen=True, slots=True)
class StoredExemplars:
    """Exemplars as texts; series: ids as in the file, or positions among those asked for."""

    series: Int64s
    timestamps: Int64s
    values: Float64s
    labels: list[ExemplarLabels]

    def __len__(self) -> int:
        return len(self.series)


def write_exemplars(exemplars: Exemplars, path: Path, *, group_rows: int = GROUP_ROWS) -> None:
    """Write exemplars, whose series are ids and which are sorted. Raises StorageError."""
    table = pa.Table.from_arrays(
        [
            pa.array(exemplars.series),
            pa.array(exemplars.timestamps),
            pa.array(exemplars.values),
            label_maps(exemplars),
        ],
        schema=SCHEMA,
    )
    try:
        pq.write_table(table, path, row_group_size=group_rows, **FORMAT)
    except pa.ArrowException as error:
        raise StorageError(f"cannot write {path}: {error}") from error


def label_maps(exemplars: Exemplars) -> pa.Array:
    """The labels of each exemplar as a map."""
    ends = np.zeros(len(exemplars) + 1, np.int64)
    sizes = measure_runs(exemplars.offsets, exemplars.data, ends[1:])
    count = int(ends[-1])
    offsets = [np.empty(count + 1, np.int64) for _ in sizes]
    texts = [np.empty(int(size), np.uint8) for size in sizes]
    split_runs(exemplars.offsets, exemplars.data, offsets[0], texts[0], offsets[1], texts[1])
    names, values = (
        pa.Array.from_buffers(
            pa.large_string(), count, [None, pa.py_buffer(bounds), pa.py_buffer(text)]
        )
        for bounds, text in zip(offsets, texts, strict=True)
    )
    maps = pa.MapArray.from_arrays(pa.array(ends.astype(np.int32)), names, values)
    return maps.cast(SCHEMA.field("labels").type)


def read_exemplars_of(path: Path, segment: SegmentMeta) -> Exemplars:
    """All exemplars of a segment, whose series are ids, as they can be written again; hashes of
    their labels are not known. Raises FormatError."""
    if not segment.exemplars:
        return no_exemplars()
    try:
        table = pq.read_table(path, use_threads=False)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    maps = table.combine_chunks()["labels"].chunk(0)
    ends = maps.offsets.to_numpy().astype(np.int64)
    texts = [text_column(column) for column in (maps.keys, maps.items)]
    offsets = np.empty(len(table) + 1, np.int64)
    labels = len(texts[0][0]) - 1
    data = np.empty(HEADER_BYTES * labels + sum(len(part) for _, part in texts), np.uint8)
    join_runs(ends, *texts[0], *texts[1], offsets, data)
    columns = (table[name].to_numpy() for name in ("series_id", "ts", "value"))
    ids, times, values = map(np.array, columns)
    return Exemplars(ids, times, values, np.zeros(len(table), np.uint64), offsets, data)


def text_column(texts: pa.Array) -> tuple[Int64s, Bytes]:
    """Texts as offsets and bytes, from their beginning."""
    column = texts.cast(pa.large_string())
    _, bounds, data = column.buffers()
    bounds = np.frombuffer(bounds, np.int64)[column.offset : column.offset + len(column) + 1]
    size = int(bounds[-1])
    used = np.frombuffer(data, np.uint8)[:size] if size else np.zeros(0, np.uint8)
    return bounds.copy(), used.copy()


class ExemplarReader:
    """Reads the exemplars of one shard's segments. Thread-safe; holds no open files."""

    def __init__(self, directory: Path, damages: Damages | None = None) -> None:
        """directory: the shard's segments directory; damages: what is passed over."""
        self._damages = damages or Damages()
        self._directory = directory

    def select(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Callable[[int], None],
    ) -> list[StoredExemplars]:
        """The exemplars of the series `ids` (strictly ascending) with times in span, both
        inclusive; their series are positions in ids. spend() is given how many are about to be
        taken, and may raise to stop."""
        found = []
        for segment in segments:
            if segment.exemplars and len(ids):
                path = self._directory / segment.ulid / EXEMPLARS_FILE
                found += read_file(path, ids, span, spend, self._damages)
        return found


def read_file(
    path: Path,
    ids: Int64s,
    span: tuple[int, int],
    spend: Callable[[int], None],
    damages: Damages,
) -> list[StoredExemplars]:
    """The wanted exemplars of each row group. Raises FormatError if the file is not there."""
    found = []
    for _, rows in sound_groups(path, damages, lambda group: may_have(group, ids, span)):
        found.append(cut_group(rows, ids, span, spend))
    return found


def sound_groups(
    path: Path, damages: Damages, wanted: Callable[[pq.RowGroupMetaData], bool]
) -> Iterator[tuple[int, pa.Table]]:
    """The wanted row groups by their numbers; damaged ones are passed over, which is logged."""
    if damages.of(path) is None:
        return
    try:
        with pq.ParquetFile(path) as file:
            every = np.arange(file.num_row_groups)
            for group in damages.sound(path, every).tolist():
                if not wanted(file.metadata.row_group(group)):
                    continue
                try:
                    rows = file.read_row_group(group)
                except UNREADABLE as error:
                    damages.note(path, [group], str(error))
                else:
                    yield group, rows
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise FormatError(f"cannot read {path}: {error}") from error
        damages.note(path, None, str(error))


def may_have(group: pq.RowGroupMetaData, ids: Int64s, span: tuple[int, int]) -> bool:
    """Whether a row group can have exemplars of some of the ids with times in span."""
    found, times = group.column(0).statistics, group.column(1).statistics
    if found is None or times is None:
        return True
    first = int(np.searchsorted(ids, found.min))
    meets = first < len(ids) and int(ids[first]) <= found.max
    return meets and times.min <= span[1] and times.max >= span[0]


def cut_group(
    rows: pa.Table, ids: Int64s, span: tuple[int, int], spend: Callable[[int], None]
) -> StoredExemplars:
    series, times = rows["series_id"].to_numpy(), rows["ts"].to_numpy()
    places = np.minimum(np.searchsorted(ids, series), len(ids) - 1)
    wanted = (ids[places] == series) & (times >= span[0]) & (times <= span[1])
    positions = np.flatnonzero(wanted)
    spend(len(positions))
    labels = pc.take(rows["labels"], pa.array(positions))
    return StoredExemplars(
        places[positions],
        times[positions],
        rows["value"].to_numpy()[positions],
        [tuple(pairs) for pairs in labels.to_pylist()],
    )
