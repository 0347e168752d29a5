"""The formats of export, each written as blocks come.

    jsonl        JSON lines of VictoriaMetrics; NaN, stale markers too, is null
    openmetrics  text; a stale marker has no form there and is left out
    parquet      columns labels, ts, value, start_ts, histogram; every NaN keeps its bits
    arrow        the same, as an Arrow IPC file

The first two have no form for native histograms: those are left out and counted.
"""

import re
from collections.abc import Sequence
from typing import IO, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from receiver.exporting.reading import Block, Labels
from receiver.importing.parts import Report
from storage.histograms.histograms import take
from storage.kernels.arrays import Bools
from storage.kernels.stale import is_stale
from storage.labels.matchers import METRIC_NAME
from storage.samples.samples import Samples
from storage.segments.histograms import SCHEMA as HISTOGRAM_SCHEMA
from storage.segments.histograms import table_of

JSON_LINES, OPENMETRICS, PARQUET, ARROW = FORMATS = ("jsonl", "openmetrics", "parquet", "arrow")
# Of a line of JSON: VictoriaMetrics takes lines of 10 MB.
LINE_SAMPLES_MAX = 10_000
PLAIN_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Names and types of histograms.parquet, behind series_id, ts and start_ts.
HISTOGRAM_FIELDS = [
    HISTOGRAM_SCHEMA.field(k).with_nullable(True) for k in range(3, len(HISTOGRAM_SCHEMA))
]
SCHEMA = pa.schema(
    [
        ("labels", pa.map_(pa.string(), pa.string())),
        ("ts", pa.timestamp("ms", "UTC")),
        ("value", pa.float64()),
        ("start_ts", pa.timestamp("ms", "UTC")),
        ("histogram", pa.struct(HISTOGRAM_FIELDS)),
    ]
)


class Writer(Protocol):
    """Takes blocks until it is closed."""

    def write(self, block: Block) -> None: ...

    def close(self) -> None:
        """Write what belongs at the end; the file stays open."""


class JsonLinesWriter:
    """A line for each series of a block, or for each LINE_SAMPLES_MAX of its samples."""

    def __init__(self, out: IO[bytes], report: Report) -> None:
        self._out = out
        self._report = report

    def write(self, block: Block) -> None:
        samples = without_histograms(block.samples, self._report)
        if is_stale(samples.values).any():
            self._report.note("stale markers are null, as every NaN: JSON lines have no other form")
        for labels, (first, end) in zip(block.labels, ranges(samples), strict=True):
            for at in range(first, end, LINE_SAMPLES_MAX):
                own = slice(at, min(end, at + LINE_SAMPLES_MAX))
                values = samples.values[own]
                line = {
                    "metric": labels,
                    "values": values if not np.isinf(values).any() else with_infinity(values),
                    "timestamps": samples.timestamps[own],
                }
                self._out.write(orjson.dumps(line, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")

    def close(self) -> None: ...


class OpenMetricsWriter:
    """Lines of samples with timestamps, and # EOF."""

    def __init__(self, out: IO[bytes], report: Report) -> None:
        self._out = out
        self._report = report

    def write(self, block: Block) -> None:
        samples = without_histograms(block.samples, self._report)
        stale = is_stale(samples.values)
        if stale.any():
            self._report.note("stale markers are left out: OpenMetrics has no form for them")
        for labels, (first, end) in zip(block.labels, ranges(samples), strict=True):
            kept = np.flatnonzero(~stale[first:end]) + first
            name = series_text(labels)
            lines = [
                f"{name} {number(value)} {seconds(time)}\n"
                for value, time in zip(
                    samples.values[kept].tolist(), samples.timestamps[kept].tolist(), strict=True
                )
            ]
            self._out.write("".join(lines).encode())

    def close(self) -> None:
        self._out.write(b"# EOF\n")


class ArrowWriter:
    """Record batches, as a Parquet or an Arrow file. A sample has a value or a histogram."""

    def __init__(self, out: IO[bytes], *, parquet: bool) -> None:
        if parquet:
            self._writer = pq.ParquetWriter(out, SCHEMA, compression="zstd")
        else:
            self._writer = pa.ipc.new_file(out, SCHEMA)

    def write(self, block: Block) -> None:
        samples = block.samples
        mask = np.zeros(len(samples), np.bool_)
        if samples.natives is not None:
            mask = samples.natives.mask
        owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
        labels = pa.array([list(own.items()) for own in block.labels], SCHEMA.field("labels").type)
        starts = np.zeros(len(samples), np.int64) if samples.starts is None else samples.starts
        columns = [
            labels.take(pa.array(owners)),
            pa.array(samples.timestamps, SCHEMA.field("ts").type),
            pa.array(samples.values, mask=mask),
            pa.array(starts, SCHEMA.field("start_ts").type, mask=starts == 0),
            histogram_column(samples, mask),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA))

    def close(self) -> None:
        self._writer.close()


def make_writer(form: str, out: IO[bytes], report: Report) -> Writer:
    if form == JSON_LINES:
        return JsonLinesWriter(out, report)
    if form == OPENMETRICS:
        return OpenMetricsWriter(out, report)
    return ArrowWriter(out, parquet=form == PARQUET)


def histogram_column(samples: Samples, mask: Bools) -> pa.Array:
    """A histogram for each sample that is one."""
    kind = SCHEMA.field("histogram").type
    if samples.natives is None or not mask.any():
        return pa.nulls(len(samples), kind)
    found = take(samples.natives.histograms, samples.natives.rows[mask])
    table = table_of(np.zeros(len(found), np.int64), samples.timestamps[mask], None, found)
    columns = [table[field.name].combine_chunks() for field in HISTOGRAM_FIELDS]
    histograms = pa.StructArray.from_arrays(columns, fields=HISTOGRAM_FIELDS)
    return histograms.take(pa.array(np.cumsum(mask) - 1, mask=~mask))


def without_histograms(samples: Samples, report: Report) -> Samples:
    """The floats; what is left out is a loss."""
    if samples.natives is None or not samples.natives.mask.any():
        return samples
    mask = samples.natives.mask
    report.lose("native histograms, which the format has no form for", int(mask.sum()))
    kept = np.flatnonzero(~mask)
    owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))[kept]
    return Samples(
        np.searchsorted(owners, np.arange(samples.series_count + 1)),
        samples.timestamps[kept],
        samples.values[kept],
        None if samples.starts is None else samples.starts[kept],
    )


def ranges(samples: Samples) -> Sequence[tuple[int, int]]:
    """Where the samples of each series are."""
    offsets = samples.offsets.tolist()
    return list(zip(offsets, offsets[1:], strict=False))


def with_infinity(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[object]:
    names = {float("inf"): "Infinity", float("-inf"): "-Infinity"}
    return [names.get(value, value) for value in values.tolist()]


def series_text(labels: Labels) -> str:
    """A series as OpenMetrics writes it; names of other characters stand in quotes."""
    name = labels.get(METRIC_NAME, "")
    plain = METRIC.fullmatch(name) is not None
    inside = [] if plain else [quoted(name)]
    inside += [
        f"{label if PLAIN_NAME.fullmatch(label) else quoted(label)}={quoted(value)}"
        for label, value in labels.items()
        if label != METRIC_NAME
    ]
    return (name if plain else "") + ("{" + ",".join(inside) + "}" if inside else "")


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def number(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def seconds(time_ms: int) -> str:
    """A time in seconds with its milliseconds, exactly."""
    sign, size = ("-", -time_ms) if time_ms < 0 else ("", time_ms)
    return f"{sign}{size // 1000}.{size % 1000:03}"
