"""What long queries took is reported, first and warm, beside VictoriaMetrics, and judged."""

import pytest
from asking import Held, Timing, lines_of, long_queries, targets
from past import DAY_MS, Past
from report import OURS, VICTORIA
from servers import PROGRAMS

PAST = Past(days=2, series=66, end_ms=20_000 * DAY_MS)
BY_NAME = {program.name: program for program in PROGRAMS}


def held(name: str, first_s: float, warm_s: float, restart_s: float = 1.0) -> Held:
    timings = [Timing(first_s, 0.5, 0.25, [warm_s] * 3) for _ in long_queries()]
    return Held(BY_NAME[name], timings, [restart_s, 0.5], 3 << 20)


def test_every_query_has_a_line_and_its_ratios() -> None:
    found = {OURS: held(OURS, 0.2, 0.1), VICTORIA: held(VICTORIA, 0.1, 0.4)}
    lines = lines_of(PAST, found)
    assert lines[0] == "History: 2 days of 66 series, 760,320 samples."
    for query in long_queries():
        (line,) = [line for line in lines if line.startswith(f"| {query.title} ")]
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        assert cells[:6] == ["200", "100", "2.00x", "100", "400", "0.25x"]
        assert cells[6:12] == ["500", "500", "1.00x", "250", "250", "1.00x"]
    assert [line.split()[1:4] for line in lines if "3.00" in line] == [
        ["Cupola", "|", "3.00"],
        ["VictoriaMetrics", "|", "3.00"],
    ]


@pytest.mark.parametrize(
    ("restart_s", "first_s", "expected"),
    [(5.0, 0.05, {True}), (5.1, 0.05, {True, False}), (1.0, 0.06, {True, False})],
)
def test_targets(restart_s: float, first_s: float, expected: set[bool]) -> None:
    found = {OURS: held(OURS, first_s, 0.2, restart_s), VICTORIA: held(VICTORIA, 0.1, 0.4)}
    wanted = targets(found)
    assert len(wanted) == 2 * len(long_queries()) + 1
    assert {t.met for t in wanted} == expected


def test_without_a_peer_nothing_but_restarts_is_judged() -> None:
    met = [t.met for t in targets({OURS: held(OURS, 1, 1)})]
    assert met == [None] * (len(met) - 1) + [True]
    assert targets({VICTORIA: held(VICTORIA, 1, 1)}) == []


def test_times_of_queries_over_some_hours_lie_within_the_days() -> None:
    for query in long_queries():
        parameters = query.parameters(PAST)
        start_s, end_s = int(parameters["start"]), int(parameters["end"])
        assert PAST.start_ms // 1000 <= start_s < end_s <= PAST.end_ms // 1000 + 60
        assert query.hours in (0, (end_s - start_s) / 3600)
