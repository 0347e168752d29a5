"""A block of whole lines as columns of a request."""

from dataclasses import dataclass

import numpy as np

from receiver.importing.errors import SourceError
from receiver.importing.text import labels as label_texts
from receiver.importing.text import lines as line_texts
from receiver.importing.text.families import Families
from receiver.importing.text.labels import FACTOR, SERIES_BYTES, write_labels
from receiver.importing.text.lines import (
    COMMENTS,
    EXEMPLAR_COLUMNS,
    EXEMPLARS,
    FAULT,
    FAULT_LINE,
    FOUND,
    IS_ENDED,
    SAMPLES,
    SERIES,
    scan_lines,
    sort_by_series,
)
from receiver.wire.v1.writer import NO_EXEMPLARS, RequestColumns
from storage.kernels.arrays import Bytes, Float64s, Int64s
from storage.kernels.hashing import random_key
from storage.samples.exemplars import RawExemplars
from storage.samples.samples import Samples

# Behind a block, so that words can be compared.
SPARE_BYTES = 8
SHOWN_CHARS = 120


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is in a block. is_ended: whether it has the line # EOF."""

    columns: RequestColumns
    is_ended: bool


class Scanner:
    """Makes columns of blocks; families gets what is said of metrics."""

    def __init__(self, *, in_seconds: bool) -> None:
        """in_seconds: of times, else they are in ms."""
        self.families = Families()
        self._in_seconds = in_seconds
        self._key = random_key()

    def scan(self, data: bytes, first_line: int) -> Scanned:
        """The samples of whole lines, of which the first has this number.

        Raises SourceError at the first line that is wrong, and says what was expected there.
        """
        count = data.count(b"\n") + 1
        buffer = np.frombuffer(data + bytes(SPARE_BYTES), np.uint8)
        slots = np.zeros(1 << (2 * count).bit_length(), np.int32)
        starts, ends, numbers, series, times = (np.empty(count, np.int64) for _ in range(5))
        values, left = np.empty(count), np.empty(count, np.int8)
        tokens, comments = np.empty((count, 4), np.int64), np.empty((count, 3), np.int64)
        exemplars = np.empty((count, EXEMPLAR_COLUMNS), np.int64)
        found = np.zeros(FOUND, np.int64)
        scan_lines(
            buffer, len(data), self._in_seconds, self._key, slots, starts, ends, numbers,
            series, times, values, left, tokens, comments, exemplars, found,
        )  # fmt: skip
        if found[FAULT]:
            expected = line_texts.EXPECTED[found[FAULT]]
            fail(data, int(found[FAULT_LINE]), first_line, expected)
        samples = int(found[SAMPLES])
        self._read_left(data, left[:samples], (tokens, times, values), first_line)
        for first, end, _ in comments[: found[COMMENTS]].tolist():
            self.families.read(data[first:end].decode(errors="replace"))
        own = slice(int(found[SERIES]))
        text, places = self._labels(data, buffer, (starts[own], ends[own]), numbers, first_line)
        offsets, order = np.zeros(found[SERIES] + 1, np.int64), np.empty(samples, np.int64)
        sort_by_series(series[:samples], offsets, order)
        sorted_samples = Samples(offsets, times[order], values[order])
        kept = self._exemplars(
            data, buffer, exemplars[: found[EXEMPLARS]], (series, times), first_line
        )
        return Scanned(RequestColumns(text, places, sorted_samples, kept), bool(found[IS_ENDED]))

    def _labels(
        self,
        data: bytes,
        buffer: Bytes,
        spans: tuple[Int64s, Int64s],
        numbers: Int64s | None,
        first_line: int,
    ) -> tuple[Bytes, Int64s]:
        """The label fields of texts; numbers: their lines, None if they are those of exemplars."""
        starts, ends = spans
        room = FACTOR * int((ends - starts).sum()) + SERIES_BYTES * len(starts)
        out, offsets = np.empty(room, np.uint8), np.empty(len(starts) + 1, np.int64)
        faults = np.empty(len(starts), np.int8)
        write_labels(buffer, starts, ends, numbers is not None, out, offsets, faults)
        wrong = np.flatnonzero(faults)
        if len(wrong):
            k = int(wrong[0])
            line = data.count(b"\n", 0, int(starts[k]))
            fail(data, line, first_line, label_texts.EXPECTED[faults[k]])
        return out[: offsets[-1]], offsets

    def _read_left(
        self,
        data: bytes,
        left: np.ndarray[tuple[int], np.dtype[np.int8]],
        columns: tuple[Int64s, Int64s, Float64s],
        first_line: int,
    ) -> None:
        """Read the numbers that the kernel left to Python."""
        tokens, times, values = columns
        for bit, column, expected in ((1, 0, "a number"), (2, 2, "a timestamp in seconds")):
            places = np.flatnonzero(left & bit)
            spans = tokens[places, column : column + 2].tolist()
            try:
                numbers = [number_of(data[a:b]) for a, b in spans]
                if bit == 1:
                    values[places] = numbers
                else:
                    times[places] = [round(number * 1000) for number in numbers]
            except (ValueError, OverflowError):
                wrong = next(a for a, b in spans if not is_number(data[a:b], finite=bit == 2))
                fail(data, data.count(b"\n", 0, wrong), first_line, expected)

    def _exemplars(
        self,
        data: bytes,
        buffer: Bytes,
        places: Int64s,
        columns: tuple[Int64s, Int64s],
        first_line: int,
    ) -> RawExemplars:
        """The exemplars of samples, in the order of their series."""
        if not len(places):
            return NO_EXEMPLARS
        series, times = columns
        places = places[np.argsort(series[places[:, 0]], kind="stable")]
        owners = places[:, 0]
        starts, ends = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
        values, own_times = np.empty(len(places)), times[owners]
        for k, (_, first, end) in enumerate(places.tolist()):
            try:
                starts[k], ends[k], values[k], time = exemplar_of(data, first, end)
            except ValueError:
                line = data.count(b"\n", 0, first)
                fail(data, line, first_line, 'an exemplar as # {name="value"} value time')
            if time is not None:
                own_times[k] = time
        text, offsets = self._labels(data, buffer, (starts, ends), None, first_line)
        return RawExemplars(series[owners], own_times, values, text, offsets[:-1], offsets[1:])


def exemplar_of(data: bytes, first: int, end: int) -> tuple[int, int, float, int | None]:
    """(start and end of the labels, value, time in ms or None) of what follows a sample.

    Raises ValueError.
    """
    start = data.index(b"{", first, end)
    if data[first + 1 : start].strip():
        raise ValueError
    close, quoted = start + 1, False
    while quoted or data[close] != ord("}"):
        if data[close] == ord("\\") and quoted:
            close += 1
        elif data[close] == ord('"'):
            quoted = not quoted
        close += 1
        if close >= end:
            raise ValueError
    numbers = data[close + 1 : end].split()
    if not 1 <= len(numbers) <= 2:
        raise ValueError
    time = round(number_of(numbers[1]) * 1000) if len(numbers) == 2 else None
    return start, close + 1, number_of(numbers[0]), time


def number_of(text: bytes) -> float:
    """A number as Go writes it. Raises ValueError."""
    if b"_" in text:
        raise ValueError
    return float(text)


def is_number(text: bytes, *, finite: bool) -> bool:
    try:
        number = number_of(text)
    except ValueError:
        return False
    return not finite or np.isfinite(number).item()


def fail(data: bytes, line: int, first_line: int, expected: str) -> None:
    """Raise SourceError about a line of a block, counted from 0."""
    text = data.split(b"\n", line + 1)[line]
    shown = ascii(text.decode(errors="replace").strip())
    if len(shown) > SHOWN_CHARS:
        shown = shown[:SHOWN_CHARS] + "..."
    raise SourceError(f"line {first_line + line}: expected {expected}, got {shown}")
