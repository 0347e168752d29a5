"""Small queries: what is asked, when an answer has ended, and the table."""

import pytest
from bodies import Corpus
from small_queries import is_whole, small_table, small_targets, targets_of

CORPUS = Corpus("", [0], 1, 2, 4, 0, 0, 900_000)


def test_all_kinds_select_the_same_series() -> None:
    asked = targets_of(CORPUS, {"nocache": "1"})
    assert len(asked) == 5
    for line in asked.values():
        assert "instance%3D%22" in line
        assert line.endswith("&nocache=1")
    assert "time=907.000" in asked["instant"]
    assert "start=22.000&end=907.000&step=15" in asked["range"]


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nX: y\r\n\r\nabc", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", True),
    ],
)
def test_the_end_of_an_answer(answer: bytes, whole: bool) -> None:
    assert is_whole(answer) is whole


def test_table_and_targets() -> None:
    medians = {
        "cupola": {"instant": 0.0002, "series": 0.0005},
        "victoria-metrics": {"instant": 0.001},
    }
    lines = small_table(medians)
    assert "0.20x" in lines[2]
    assert [cell.strip() for cell in lines[3].split("|")][1:-1] == [
        "series", "0.50", "-", "-", "-"
    ]  # fmt: skip
    instant, series = small_targets(medians)
    assert (instant.met, series.met) == (True, None)
