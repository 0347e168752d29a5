"""The pictures of docs/dedup.md: small scenes, what each way of dedup makes of them, drawn as SVG.

    python load-tests/dedup_plots.py [--output=docs/pictures]

Every line is computed from the samples of the scene, and a sample has the colour of the replica it
comes from. `window` is what VictoriaMetrics does, `tracker` what the HA tracker of Mimir accepts,
restated from their documentation; `penalty` is Cupola's own, which gives what Thanos gives.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from dedup_simulation import Choose, algorithm, window

from storage.dedup.algorithm import Algorithm
from storage.samples.samples import Samples

Points = list[tuple[float, float]]  # (seconds, value)

INTERVAL_S = 15
FAILOVER_S = 30
WIDTH, ROW_HEIGHT, LEFT, TOP, RIGHT = 780, 92, 185, 46, 20
INK, GRID, WRONG = "#24292f", "#d0d7de", "#cf222e"
COLOURS = ("#0969da", "#bf5700")


@dataclass(frozen=True)
class Row:
    """One line of a picture. wrong: stretches of time to be marked, and what is wrong there."""

    name: str
    points: Points
    colours: Sequence[str]
    wrong: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class Picture:
    """A scene: what two replicas sent, and which other ways are shown beside `auto`."""

    file: str
    title: str
    replicas: tuple[Points, Points]
    ways: tuple[str, ...]


def by(choose: Choose) -> Callable[[Sequence[Points]], Points]:
    def points_of(replicas: Sequence[Points]) -> Points:
        flat = [point for points in replicas for point in points]
        offsets = np.cumsum([0] + [len(points) for points in replicas]).astype(np.int64)
        times = np.array([round(t * 1000) for t, _ in flat], np.int64)
        samples = Samples(offsets, times, np.array([value for _, value in flat], np.float64))
        found, _ = choose(samples, np.array([0, len(replicas)]))
        return list(zip((found.timestamps / 1000).tolist(), found.values.tolist(), strict=True))

    return points_of


def tracker(replicas: Sequence[Points]) -> Points:
    """Only the elected replica; another is elected once it was silent for the failover timeout."""
    arrivals = sorted((t, v, number) for number, points in enumerate(replicas) for t, v in points)
    elected, last_s = arrivals[0][2], arrivals[0][0]
    kept: Points = []
    for t, value, number in arrivals:
        if number != elected and t - last_s < FAILOVER_S:
            continue
        elected, last_s = number, t
        kept.append((t, value))
    return kept


WAYS: dict[str, Callable[[Sequence[Points]], Points]] = {
    "auto": by(algorithm(Algorithm.AUTO)),
    "penalty (Thanos)": by(algorithm(Algorithm.PENALTY)),
    "every sample": by(algorithm(Algorithm.CHAIN)),
    "HA tracker (Mimir)": tracker,
    "window (VictoriaMetrics)": by(window),
}


def scrapes(
    first_s: float, last_s: float, value: Callable[[float], float], without: Sequence[float] = ()
) -> Points:
    """A sample every interval, but for those that were missed."""
    times = np.arange(first_s, last_s, INTERVAL_S).tolist()
    return [(t, value(t)) for t in times if t not in without]


def steady(t: float) -> float:
    return 100.0 + t


def late(points: Points, by_s: float, at_s: Sequence[float] | None = None) -> Points:
    """Slow scrapes, of a counter that grows by 1 a second: read later than their timestamps say."""
    return [(t, value + by_s if at_s is None or t in at_s else value) for t, value in points]


def pictures() -> list[Picture]:
    punctual = scrapes(0, 180, steady)
    return [
        Picture(
            "false-reset", "One replica reads its scrapes 8 s late; nothing was reset",
            (late(punctual, 8), scrapes(7, 180, steady)), ("penalty (Thanos)",),
        ),
        Picture(
            "one-missed", "One missed scrape",
            (scrapes(0, 180, steady, without=(75,)), scrapes(4, 180, steady)),
            ("penalty (Thanos)", "HA tracker (Mimir)"),
        ),
        Picture(
            "failover", "A replica is away for a minute",
            (scrapes(3, 180, steady, without=(63, 78, 93, 108)), scrapes(9, 180, steady)),
            ("HA tracker (Mimir)",),
        ),
        Picture(
            "window", "A slow scrape of b at 74 s, and a missed one after it",
            (scrapes(1, 180, steady), late(scrapes(14, 180, steady, without=(89,)), 8, (74,))),
            ("window (VictoriaMetrics)",),
        ),
        Picture(
            "guarded", "A slow scrape of a at 75 s, and a missed one after it",
            (late(scrapes(0, 180, steady, without=(90,)), 14, (75,)), scrapes(9, 180, steady)),
            ("every sample",),
        ),
    ]  # fmt: skip


def is_hole(start: tuple[float, float], end: tuple[float, float]) -> bool:
    """As long as a missed scrape makes them, a quarter of an interval less."""
    return end[0] - start[0] > 1.75 * INTERVAL_S


def wrongs(points: Points) -> list[tuple[float, float, str]]:
    found = []
    for start, end in zip(points, points[1:], strict=False):
        if end[1] < start[1]:
            found.append((start[0], end[0], f"falls by {start[1] - end[1]:.0f}"))
        elif is_hole(start, end):
            found.append((start[0], end[0], f"{end[0] - start[0]:.0f} s"))
    return found


def runs(points: Points) -> list[Points]:
    """The points between two holes each."""
    found: list[Points] = [[]]
    for i, point in enumerate(points):
        if i and is_hole(points[i - 1], point):
            found.append([])
        found[-1].append(point)
    return found


def rows_of(picture: Picture) -> list[Row]:
    found = []
    for name, points, colour in zip("ab", picture.replicas, COLOURS, strict=True):
        found.append(Row(f"replica {name}", points, [colour] * len(points)))
    colour_of = {point: row.colours[0] for row in found for point in row.points}
    for way in (*picture.ways, "auto"):
        points = WAYS[way](picture.replicas)
        found.append(Row(way, points, [colour_of[point] for point in points], wrongs(points)))
    return found


def draw(picture: Picture) -> str:
    """The picture as SVG: one strip per row, time to the right, the same scales in all."""
    rows = rows_of(picture)
    every = [point for row in rows for point in row.points]
    last_s = max(t for t, _ in every)
    low, high = min(v for _, v in every), max(v for _, v in every)
    height = TOP + ROW_HEIGHT * len(rows) + 30

    def x(t: float) -> str:
        return f"{LEFT + t / last_s * (WIDTH - LEFT - RIGHT):.1f}"

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15" fill="{INK}">{escape(picture.title)}</text>',
    ]
    for i, row in enumerate(rows):
        bottom = TOP + ROW_HEIGHT * (i + 1) - 16

        def y(value: float, bottom: int = bottom) -> str:
            return f"{bottom - (value - low) / (high - low) * (ROW_HEIGHT - 34):.1f}"

        lines += strip(row, x, y, bottom)
    lines += axis(last_s, x, height)
    return "\n".join([*lines, "</svg>", ""])


def strip(row: Row, x: Callable[[float], str], y: Callable[[float], str], bottom: int) -> list[str]:
    top = bottom - ROW_HEIGHT + 26
    found = [
        f'<line x1="{LEFT}" y1="{bottom + 8}" x2="{WIDTH - RIGHT}" y2="{bottom + 8}" '
        f'stroke="{GRID}"/>',
        f'<text x="12" y="{bottom - 20}" fill="{INK}">{escape(row.name)}</text>',
    ]
    for start, end, text in row.wrong:
        width = float(x(end)) - float(x(start))
        found += [
            f'<rect x="{x(start)}" y="{top}" width="{width:.1f}" height="{bottom + 6 - top}" '
            f'fill="{WRONG}" fill-opacity="0.16"/>',
            f'<text x="{x(end)}" y="{top + 14}" text-anchor="end" dx="-3" '
            f'font-weight="bold" fill="{WRONG}">{text}</text>',
        ]
    for points in runs(row.points):
        path = " ".join(f"{x(t)},{y(value)}" for t, value in points)
        found.append(f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-opacity="0.4"/>')
    found += [
        f'<circle cx="{x(t)}" cy="{y(value)}" r="4" fill="{colour}"/>'
        for (t, value), colour in zip(row.points, row.colours, strict=True)
    ]
    return found


def axis(last_s: float, x: Callable[[float], str], height: int) -> list[str]:
    return [
        f'<text x="{x(t)}" y="{height - 12}" text-anchor="middle" fill="{INK}">{t} s</text>'
        for t in range(0, int(last_s) + 1, 30)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    pictures_directory = Path(__file__).resolve().parents[1] / "docs" / "pictures"
    parser.add_argument("--output", type=Path, default=pictures_directory)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for picture in pictures():
        (options.output / f"dedup-{picture.file}.svg").write_text(draw(picture))


if __name__ == "__main__":
    main()
