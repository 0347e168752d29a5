"""VictoriaMetrics' JSON lines as a source, as /api/v1/export writes them.

{"metric": {"__name__": "m", "a": "b"}, "values": [1, 2.5, null], "timestamps": [1000, 2000, 3000]}

Times are in ms. A value may be null, which is NaN, or "Infinity" or "-Infinity".
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from receiver.importing.errors import SourceError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.text.source import blocks_of, open_text, skip
from receiver.importing.tsdb.block import between_times
from receiver.importing.tsdb.index import label_fields
from receiver.wire.v1.writer import RequestColumns
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Float64s
from storage.samples.samples import Samples

LINE_BYTES_MAX = 64 << 20
# What Prometheus takes for any NaN.
NAN = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
SHOWN_CHARS = 120


class JsonLinesSource:
    """A file of JSON lines, which may be compressed by gzip."""

    def __init__(self, path: Path, report: Report, span: Span) -> None:
        self._path = path
        self._report = report
        self._span = span

    @property
    def name(self) -> str:
        return f"JSON lines {self._path.resolve()}"

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        unit = self._path.name
        with open_text(self._path) as file:
            try:
                position, line = skip(file, done.get(unit, 0))
                for block in blocks_of(file, LINE_BYTES_MAX):
                    columns = columns_of(block, line, self._span)
                    position, line = position + len(block), line + block.count(b"\n")
                    yield Part(unit, position, columns)
            except (OSError, EOFError) as error:
                raise SourceError(f"{self._path} cannot be read: {error!r}") from error
            except SourceError as error:
                raise SourceError(f"{self._path}, {error}") from error


def columns_of(block: bytes, first_line: int, span: Span) -> RequestColumns:
    """The series of whole lines. Raises SourceError, which names the line."""
    labels, times, values = [], [], []
    for number, line in enumerate(block.split(b"\n"), first_line):
        if not line.strip():
            continue
        try:
            own_labels, own_times, own_values = read_line(orjson.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            shown = ascii(line.decode(errors="replace"))[:SHOWN_CHARS]
            raise SourceError(
                f'line {number}: expected {{"metric": {{...}}, "values": [...], "timestamps": '
                f"[...]}} with as many values as timestamps, got {shown} ({error!r})"
            ) from None
        labels.append(own_labels)
        times.append(own_times)
        values.append(own_values)
    offsets = offsets_of([len(own) for own in times])
    none = np.zeros(0)
    samples = Samples(
        offsets,
        np.concatenate([none.astype(np.int64), *times]),
        np.concatenate([none, *values]),
    )
    return RequestColumns(
        np.frombuffer(b"".join(labels), np.uint8),
        offsets_of([len(own) for own in labels]),
        between_times(samples, span),
    )


def read_line(line: dict[str, Any]) -> tuple[bytes, np.ndarray[Any, Any], Float64s]:
    """(label fields, times, values) of a line that was parsed. Raises one of several errors."""
    metric, given, values = line["metric"], line["timestamps"], line["values"]
    if not all(isinstance(value, str) for value in metric.values()):
        raise TypeError("a label that is no text")
    times = np.array(given, np.int64) if given else np.zeros(0, np.int64)
    try:
        numbers = np.array(values, np.float64) if values else np.zeros(0)
    except (TypeError, ValueError):
        numbers = np.array([number_of(value) for value in values])
    if times.ndim != 1 or numbers.shape != times.shape:
        raise ValueError(f"{numbers.size} values, {times.size} timestamps")
    # None became a NaN, whose bits are not those of Prometheus.
    numbers[np.isnan(numbers)] = NAN
    if any(isinstance(time, float) for time in given):
        raise TypeError("a timestamp that is no whole number of milliseconds")
    return label_fields({name: value for name, value in metric.items() if value}), times, numbers


def number_of(value: Any) -> float:
    """A value that may be a text, or nothing."""
    if value is None:
        return float(NAN)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("a value that is no number")
    return float(value)
