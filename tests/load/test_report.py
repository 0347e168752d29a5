"""The report computes its ratios and verdicts from what was measured."""

from pathlib import Path

import pytest
from disk import DiskUse
from pairs import PairTimes
from queries import Answer, query_set
from report import (
    BEGIN,
    END,
    Ingest,
    Measured,
    disagreements,
    disk_table,
    ingest_table,
    memory_table,
    noise,
    number,
    pair_table,
    query_table,
    ratio_table,
    table,
    target_table,
    targets,
    write_into,
)
from sender import Result
from servers import PROGRAMS

SECONDS = {"cupola": 1.0, "victoria-metrics": 3.2, "prometheus": 7.0}
QUERIES = query_set()


def measured(name: str, *, statuses: dict[str, int] | None = None, busy_s: float = 0.0) -> Measured:
    seconds = SECONDS[name]
    program = next(program for program in PROGRAMS if program.name == name)
    sent = Result(seconds, seconds / 10, 0.1, busy_s, 60, statuses or {"204": 60})
    run = Ingest(4, 100, 6_000, sent, seconds * 2, int(seconds * 1e8))
    answers = [Answer({'{"a": "1"}': {1.0: 2.0}}, [seconds / 200] * 3) for _ in QUERIES]
    return Measured(program, [run], answers, int(seconds * 1e8))


def results() -> dict[str, Measured]:
    return {name: measured(name) for name in SECONDS}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.123, "0.12"), (12.34, "12.3"), (123.4, "123"), (1234567, "1,234,567")],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_table_pads_its_columns() -> None:
    assert table(["a", "bb"], [["ccc", "d"]]) == [
        "| a   | bb |",
        "| --- | -: |",
        "| ccc |  d |",
        "",
    ]


def test_ingest_figures() -> None:
    run = measured("cupola").ingests[0]
    assert run.per_second == 6_000
    assert run.known_per_second == pytest.approx(5_900 / 0.9)
    assert run.refused == 0


def test_targets_compare_with_the_right_server() -> None:
    use = DiskUse(1, 1_000, 10, {"samples.parquet": 500, "meta.json": 200})
    pairs = [PairTimes("range", 0.1, 0.15, True), PairTimes("instant", 0.1, 0.3, True)]
    found = targets(results(), use, QUERIES, pairs, {"VictoriaMetrics": 0.5})
    assert [(target.got, target.met) for target in found] == [
        ("3.20x", False),
        ("7.00x", False),
        ("0.31x", False),
        ("0.14x", False),
        ("0.31x", False),
        ("0.31x", True),
        ("0.31x", False),
        ("0.31x", True),
        ("0.14x", True),
        ("0.31x", True),
        ("5.00 ms", True),
        ("0.70", False),
        ("1.50x", True),
        ("1.40x", False),
        ("0.14x", True),
    ]
    assert "MISSED" in "\n".join(target_table(found))


def test_what_was_not_measured_is_said() -> None:
    alone = {"cupola": measured("cupola")}
    met = [target.met for target in targets(alone, None, QUERIES)]
    assert met == [None] * 10 + [True, None, None, None, None]
    assert "not measured" in disk_table(None)[0]

    assert "not measured" in pair_table([])[0]
    for lines in (ingest_table(alone), ratio_table(alone), query_table(alone, QUERIES)):
        assert len(lines) > 2


def test_what_peers_need_for_the_same_scrapes_is_beside_it() -> None:
    use = DiskUse(1, 1_000, 10, {"samples.parquet": 500, "meta.json": 200})
    lines = disk_table(use, {"VictoriaMetrics": 0.25, "a block of Prometheus": 1.0})
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[4:7]]
    assert found == [
        ["all of 1 segment(s), 1,000 samples, 10 series", "700", "0.700"],
        ["VictoriaMetrics", "", "0.250"],
        ["a block of Prometheus", "", "1.000"],
    ]


def test_memory_is_told_for_each_query() -> None:
    found = results()
    found["cupola"].answers[0].rss_peak_bytes = 3 << 20
    lines = memory_table(found, QUERIES)
    assert len(lines) == len(QUERIES) + 3
    assert lines[2].split("|")[2].strip() == "3.00"
    assert lines[3].split("|")[2].strip() == "-"


def test_agreeing_servers_have_no_problems() -> None:
    assert disagreements(results(), QUERIES) == []


def test_problems_are_named() -> None:
    found = results()
    found["victoria-metrics"] = measured("victoria-metrics", statuses={"204": 59, "400": 1})
    found["prometheus"].answers[1] = Answer({'{"b": "1"}': {}}, [1.0])
    found["cupola"].error = "it fell over"
    texts = disagreements(found, QUERIES)
    assert len(texts) == 3
    assert "fell over" in texts[0]
    assert "1 requests refused" in texts[1]
    assert "1 rows against 1" in texts[2]


def test_noise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    found = results()
    assert noise(found) == []
    found["cupola"] = measured("cupola", busy_s=2.0 + 0.1 + 0.5)
    found["prometheus"].others_share = 0.5
    assert noise(found) == [
        "Cupola, 4 connections: other processes took 25% of the machine",
        "Prometheus, queries: other processes took 50% of the machine",
    ]


def test_the_report_goes_between_the_markers(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    write_into(path, ["new"])
    assert path.read_text() == f"{BEGIN}\n\nnew\n{END}\n"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(path, ["newer"])
    assert path.read_text() == f"before\n{BEGIN}\n\nnewer\n{END}\nafter\n"
