"""Brute-force twins of the segment kernels, over plain lists of (id, time, bits) rows.

The rows are drawn by `segment_rows`.
"""

from typing import Any

from hypothesis import strategies as st

Row = tuple[int, int, int]


def strictly_ascending(ids: list[int], offsets: list[int], timestamps: list[int]) -> bool:
    rows = [
        (i, timestamps[k]) for i, a, b in zip(ids, offsets, offsets[1:], strict=False)
        for k in range(a, b)
    ]  # fmt: skip
    return rows == sorted(set(rows)) and list(ids) == sorted(set(ids))


def select(segments: list[list[Row]], ids: list[int], start: int, end: int) -> list[list[Row]]:
    """Per wanted id the rows within [start, end], in time order; earlier segments win."""
    out = []
    for wanted in ids:
        found: dict[int, Row] = {}
        for rows in segments:
            for row in rows:
                if row[0] == wanted and start <= row[1] <= end:
                    found.setdefault(row[1], row)
        out.append([found[time] for time in sorted(found)])
    return out


def contradictions(parts: list[dict[int, list[Any]]]) -> list[tuple[int, int, int]]:
    """(part, id, time) of what is lost against something else; parts by rank, id -> points, each
    of which begins with its time and its content; hints are no content."""
    first: dict[tuple[int, int], Any] = {}
    lost = []
    for number, part in enumerate(parts):
        for series, points in part.items():
            for time, content, *_ in points:
                content = content._replace(hint=0) if hasattr(content, "hint") else content
                if first.setdefault((series, time), content) != content:
                    lost.append((number, series, time))
    return lost


def segment_rows(
    ids: st.SearchStrategy[int], times: st.SearchStrategy[int], min_size: int = 0
) -> st.SearchStrategy[list[Row]]:
    """Sorted rows of one segment, with any bits as values."""
    return st.dictionaries(
        st.tuples(ids, times), st.integers(0, 2**64 - 1), min_size=min_size, max_size=30
    ).map(lambda found: sorted((i, t, bits) for (i, t), bits in found.items()))


def find_series(
    known: list[tuple[int, int, int, int]], ids: list[int], start: int, end: int
) -> list[tuple[int, int, int, int, int]]:
    """known: (id, rows, least time, greatest time), by id. Of the wanted ones: position among ids,
    first row, end, least and greatest time."""
    found = []
    row = 0
    for number, rows, least, greatest in known:
        if number in ids and least <= end and greatest >= start:
            found.append((ids.index(number), row, row + rows, least, greatest))
        row += rows
    return found


def find_groups(runs: list[tuple[int, int]], sizes: list[int]) -> list[int]:
    """The row groups, by their sizes, with a row of some of the runs (first, end)."""
    wanted = {row for first, end in runs for row in range(first, end)}
    found, row = [], 0
    for group, size in enumerate(sizes):
        if wanted & set(range(row, row + size)):
            found.append(group)
        row += size
    return found


def narrow_runs(
    runs: list[tuple[int, int]], times: list[list[int]], start: int, end: int
) -> list[tuple[int, int]]:
    """The runs without the first row groups that are all before start, and the last ones that are
    all after end. times: those of each row group."""
    offsets = [sum(map(len, times[:group])) for group in range(len(times) + 1)]
    found = []
    for first, behind in runs:
        inside = [g for g in range(len(times)) if offsets[g] < behind and offsets[g + 1] > first]
        while inside and max(times[inside[0]]) < start:
            inside.pop(0)
        while inside and min(times[inside[-1]]) > end:
            inside.pop()
        if inside:
            low, high = offsets[inside[0]], offsets[inside[-1] + 1]
            found.append((max(first, low), min(behind, high)))
    return found
