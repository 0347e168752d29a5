"""Plots, dot by dot."""

import numpy as np
import pytest

from api.promql.vectors.value import Matrix
from receiver.querying.plot import BLANK, COLORS, SERIES_MAX, Canvas, Frame, line, moment, plot
from storage.histograms.histograms import offsets_of
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples

FRAME = Frame(width=80, height=4, span=(0, 39), gap_ms=10, color=False)


def strokes(points: list[tuple[int, float]], columns: int = 20) -> dict[int, tuple[float, float]]:
    times = np.array([time for time, _ in points], np.int64)
    values = np.array([value for _, value in points])
    used, low, high = line(times, values, FRAME, columns)
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(used.tolist(), pairs, strict=True))


def test_neighbours_are_joined() -> None:
    """40 columns of dots over 40 ms: one each."""
    found = strokes([(0, 0.0), (4, 8.0), (5, 1.0)])
    assert found == {k: (2.0 * k, 2.0 * k) for k in range(5)} | {5: (1.0, 1.0)}


def test_a_gap_stays_open() -> None:
    assert strokes([(0, 1.0), (10, 1.0)]).keys() == set(range(11))
    assert strokes([(0, 1.0), (11, 1.0)]).keys() == {0, 11}


def test_a_column_has_the_least_and_the_greatest_value() -> None:
    """10 columns of dots over 40 ms."""
    assert strokes([(0, 1.0), (1, 9.0), (2, -3.0)], columns=5) == {0: (-3.0, 9.0)}


def test_one_sample() -> None:
    assert strokes([(39, 2.0)]) == {39: (2.0, 2.0)}


def drawn(values: list[tuple[int, float]]) -> list[str]:
    """Dots in two lines of two characters, eight dots high."""
    canvas = Canvas(2, 2)
    used = np.array([column for column, _ in values])
    heights = np.array([value for _, value in values], np.float64)
    canvas.draw((used, heights, heights), (0.0, 7.0), 0)
    return canvas.lines(color=False)


def dots(*numbers: int) -> str:
    """A character: dots 1 2 3 7 are the left column from the top, 4 5 6 8 the right one."""
    return chr(BLANK + sum(1 << (number - 1) for number in numbers))


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([(0, 0.0)], ["", dots(7)]),
        ([(0, 7.0)], [dots(1), ""]),
        ([(0, 3.0)], ["", dots(1)]),
        ([(3, 4.0)], [dots() + dots(8), ""]),
        # Steep parts are filled up to the neighbour: from 1 up to 7, and from 6 down to 0.
        ([(0, 0.0), (1, 7.0)], [dots(4, 5, 6, 8), dots(7, 4, 5, 6)]),
        ([(0, 7.0), (1, 0.0)], [dots(1, 5, 6, 8), dots(4, 5, 6, 8)]),
        # Columns that are no neighbours are not joined.
        ([(0, 0.0), (2, 7.0)], [dots() + dots(1), dots(7)]),
    ],
)
def test_dots(values: list[tuple[int, float]], rows: list[str]) -> None:
    assert drawn(values) == rows


def matrix(count: int, values: list[float]) -> Matrix:
    labels = LabelFrame.from_dicts(Symbols(), [{"n": str(k)} for k in range(count)])
    times = np.tile(np.arange(len(values), dtype=np.int64) * 10, count)
    samples = Samples(offsets_of([len(values)] * count), times, np.tile(values, count))
    return Matrix(labels, samples)


def test_a_whole_plot() -> None:
    text = plot(matrix(1, [0.0, 50.0, 100.0, 150.0]), ["m"], FRAME).splitlines()
    assert [row[:5] for row in text[:4]] == ["150 ┤", "    ┤", " 75 ┤", "  0 ┤"]
    assert text[4] == "    └" + "─" * 75
    assert text[5].split() == ["1970-01-01", "00:00Z", "1970-01-01", "00:00Z"]
    assert text[6:] == ["   ━ m"]
    # It rises from the first character of the lowest line.
    assert text[3][5] not in (" ", chr(BLANK))
    assert text[0][5:].strip(chr(BLANK))


def test_few_series_are_shown_in_colors() -> None:
    frame = Frame(80, 4, (0, 39), 10, color=True)
    text = plot(matrix(SERIES_MAX + 2, [1.0, 2.0]), [f"m{k}" for k in range(9)], frame)
    assert "2 more series are not shown; at most 8 are" in text
    assert text.count("━") == SERIES_MAX
    assert all(f"\x1b[{color}m━\x1b[0m" in text for color in COLORS)


@pytest.mark.parametrize("values", [[5.0, 5.0], [float("nan"), 5.0], [float("inf"), 5.0, 5.0]])
def test_values_that_are_equal_or_no_numbers(values: list[float]) -> None:
    text = plot(matrix(1, values), ["m"], FRAME)
    assert any(BLANK < ord(c) <= BLANK + 0xFF for c in text)


def test_nothing_to_plot() -> None:
    assert plot(matrix(1, [float("nan")]), ["m"], FRAME) == "nothing to plot\n"
    assert plot(matrix(0, []), [], FRAME) == "nothing to plot\n"


def test_moments() -> None:
    assert moment(1_796_048_021_000) == "2026-11-30 14:13Z"
    assert moment(1 << 62) == f"{1 << 62}ms"
