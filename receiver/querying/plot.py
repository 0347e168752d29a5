"""Series as lines of braille characters, for a terminal.

A character is a grid of two by four dots. A column of dots shows the least and the greatest value
of its stretch of time, so that no peak is lost, and is joined to the next one unless samples are
missing between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from api.promql.go_format import format_g
from api.promql.vectors.value import Matrix
from storage.kernels.arrays import Float64s, Int64s

SERIES_MAX = 8
WIDTH_MIN, HEIGHT_MIN = 20, 4
BLANK = 0x2800
# The bit of each dot of a character, by row and column.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
COLORS = (32, 33, 34, 35, 36, 31, 92, 94)
NO_COLOR = -1


@dataclass(frozen=True, slots=True)
class Frame:
    """What a plot shows. span: first and last time in ms; gap_ms: above it samples are not
    joined."""

    width: int
    height: int
    span: tuple[int, int]
    gap_ms: int
    color: bool


def plot(matrix: Matrix, names: Sequence[str], frame: Frame) -> str:
    """The first series as lines, with axes and a legend."""
    samples = matrix.samples
    rows = min(samples.series_count, SERIES_MAX)
    finite = samples.values[: samples.offsets[rows]]
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return "nothing to plot\n"
    low, high = float(finite.min()), float(finite.max())
    texts = [format_g(float(f"{value:.4g}")) for value in (high, (low + high) / 2, low)]
    margin = max(map(len, texts))
    columns = max(WIDTH_MIN, frame.width - margin - 2)
    height = max(HEIGHT_MIN, frame.height)
    canvas = Canvas(columns, height)
    for row in range(rows):
        own = slice(samples.offsets[row], samples.offsets[row + 1])
        times, values = samples.timestamps[own], samples.values[own]
        usable = np.isfinite(values)
        canvas.draw(line(times[usable], values[usable], frame, columns), (low, high), row)
    labels = dict(zip((0, height // 2, height - 1), texts, strict=True))
    lines = [
        f"{labels.get(k, ''):>{margin}} ┤{text}"
        for k, text in enumerate(canvas.lines(color=frame.color))
    ]
    lines.append(f"{'':>{margin}} └{'─' * columns}")
    start, end = (moment(time) for time in frame.span)
    lines.append(f"{'':>{margin}}  {start}{end:>{max(1, columns - len(start))}}")
    lines += [legend(names[row], row, color=frame.color) for row in range(rows)]
    left = samples.series_count - rows
    if left:
        lines.append(f"   {left} more series are not shown; at most {SERIES_MAX} are")
    return "\n".join(lines) + "\n"


# For each column of dots that has some: its number, the least and the greatest value.
Strokes = tuple[Int64s, Float64s, Float64s]


def line(times: Int64s, values: Float64s, frame: Frame, columns: int) -> Strokes:
    """One series by columns of dots, with those between neighbouring samples filled in."""
    dots = 2 * columns
    length = max(1, frame.span[1] - frame.span[0])
    places = ((times - frame.span[0]) * (dots - 1) + length // 2) // length
    low, high = np.full(dots, np.inf), np.full(dots, -np.inf)
    np.minimum.at(low, places, values)
    np.maximum.at(high, places, values)
    grid = frame.span[0] + np.arange(dots) * length / max(1, dots - 1)
    if len(times) > 1:
        after = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
        joined = (np.diff(times)[after - 1] <= frame.gap_ms) & np.isinf(low)
        joined &= (grid >= times[0]) & (grid <= times[-1])
        between = np.interp(grid, times, values)
        low[joined], high[joined] = between[joined], between[joined]
    used = np.flatnonzero(np.isfinite(low))
    return used, low[used], high[used]


class Canvas:
    """Characters of dots, and which series each shows."""

    def __init__(self, columns: int, height: int) -> None:
        self._dots: NDArray[np.uint8] = np.zeros((height, columns), np.uint8)
        self._series = np.full((height, columns), NO_COLOR, np.int64)

    def draw(self, strokes: Strokes, bounds: tuple[float, float], series: int) -> None:
        """Add a line."""
        dots = 4 * self._dots.shape[0]
        low, high = bounds
        scale = (dots - 1) / (high - low) if high > low else 0.0
        used, lows, highs = strokes
        bottoms = np.rint((lows - low) * scale).astype(np.int64)
        tops = np.rint((highs - low) * scale).astype(np.int64)
        if high == low:
            bottoms = tops = np.full(len(used), dots // 2, np.int64)
        for k in range(len(used)):
            bottom, top = int(bottoms[k]), int(tops[k])
            if k and used[k] == used[k - 1] + 1:  # as far as to where the neighbour is
                bottom = min(bottom, int(tops[k - 1]) + 1)
                top = max(top, int(bottoms[k - 1]) - 1)
            self._stroke(int(used[k]), bottom, top, series)

    def _stroke(self, column: int, bottom: int, top: int, series: int) -> None:
        rows = 4 * self._dots.shape[0] - 1 - np.arange(bottom, top + 1)
        np.bitwise_or.at(self._dots, (rows // 4, column // 2), DOTS[rows % 4, column % 2])
        self._series[rows // 4, column // 2] = series

    def lines(self, *, color: bool) -> list[str]:
        return [
            "".join(
                paint(chr(BLANK + int(dots)), int(series), color=color)
                for dots, series in zip(row, owners, strict=True)
            ).rstrip(chr(BLANK))
            for row, owners in zip(self._dots, self._series, strict=True)
        ]


def paint(text: str, series: int, *, color: bool) -> str:
    if not color or series == NO_COLOR:
        return text
    return f"\x1b[{COLORS[series]}m{text}\x1b[0m"


def legend(name: str, series: int, *, color: bool) -> str:
    return f"   {paint('━', series, color=color)} {name}"


def moment(time_ms: int) -> str:
    """A time to the minute, or in ms where there is no such date."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
    except (ValueError, OverflowError, OSError):
        return f"{time_ms}ms"
