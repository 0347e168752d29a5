"""The requests by which pairs of replicas are held against one, and their table."""

import pytest
from bodies import Corpus
from pairs import PairTimes, raw, request, table_rows
from servers import PROGRAMS

CORPUS = Corpus("", [0], 1, 2, 4, 0, 0, 900_000)


@pytest.mark.parametrize(("steps", "start"), [(1, "907.000"), (60, "22.000")])
def test_requests_end_after_the_last_scrape(steps: int, start: str) -> None:
    path, parameters = request(CORPUS, 'a="b"', steps)
    assert path == "/api/v1/query_range"
    assert parameters["query"].count('{a="b"}') == 1
    assert (parameters["start"], parameters["end"]) == (start, "907.000")


def test_one_replica_is_asked_without_dedup() -> None:
    assert raw(PROGRAMS[0]).query_parameters == {"nocache": "1", "dedup": "false"}


def test_rows() -> None:
    (row,) = table_rows([PairTimes("range", 0.1, 0.15, True)])
    assert row[1:] == ["100", "150", "1.50x"]
