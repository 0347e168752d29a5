"""Plain twins of the kernels of replica health: rows are lists of (time, value), None a marker."""

from __future__ import annotations

Row = list[tuple[int, float | None]]


def times(row: Row) -> list[int]:
    return [t for t, value in row if value is not None]


def median(numbers: list[int]) -> int | None:
    return sorted(numbers)[(len(numbers) - 1) // 2] if numbers else None


def interval(row: Row) -> int | None:
    found = times(row)
    return median([b - a for a, b in zip(found, found[1:], strict=False)])


def shared_intervals(rows: list[Row]) -> list[int | None]:
    own = [interval(row) for row in rows]
    known = next((i for i in own if i is not None), None)
    return [known if i is None else i for i in own]


def offset(row: Row, first: Row) -> int | None:
    marks = [t for t, _ in first]
    if not marks:
        return None
    # Of two that are equally near, the later one.
    nearest = [min(marks, key=lambda m: (abs(m - t), -m)) for t in times(row)]
    return median([t - m for t, m in zip(times(row), nearest, strict=True)])


def missed(row: Row, output: Row, width: int | None) -> int:
    own = times(row)
    count = 0
    for t in times(output):
        before = max((x for x in own if x <= t), default=None)
        after = min((x for x in own if x > t), default=None)
        if before is None and after is None:
            count += 1
        elif before == t or width is None:
            continue
        elif before is None:
            assert after is not None
            count += after - t > width
        elif after is None:
            count += t - before > width
        else:
            wide = after - before > 1.5 * width
            count += wide and t - before > width / 2 and after - t > width / 2
    return count


def holes(rows: list[Row], output: Row, width: int | None) -> int:
    if width is None:
        return 0
    count = 0
    for (a, x), (b, y) in zip(output, output[1:], strict=False):
        if x is None or y is None or b - a <= 1.5 * width:
            continue
        inside = sorted({t for row in rows for t in times(row) if a < t < b})
        count += sum(
            after - before > 1.5 * width
            for before, after in zip([a, *inside], [*inside, b], strict=True)
        )
    return count
