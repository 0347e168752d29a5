"""What is damaged is said by every query that may lack it, and by no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.files import EXEMPLARS_FILE, SAMPLES_FILE
from storage.labels.matchers import Matcher
from storage.read.federation import FederatedQuerier
from tests.makers.databases import opened, seal, series, write

DAY = 86_400_000


def lost(database: Database, span: tuple[int, int]) -> tuple[str, ...]:
    """What a query of a span says, once it has read all."""
    querier = database.querier("t", replica_labels=(), dedup=True)
    selection = querier.select([Matcher("__name__", "=", "a")], *span)
    selection.read(0, selection.labels.rows)
    return querier.losses


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two days, of which the bytes of the first one's samples are wrong."""
    with opened(tmp_path) as database:
        for day in range(2):
            write(database, [series("a", [(day * DAY + k, k / 7) for k in range(500)])])
            seal(database)
    first = min(tmp_path.glob("shards/*/segments/*")) / SAMPLES_FILE
    content = bytearray(first.read_bytes())
    content[100] ^= 0xFF
    first.write_bytes(content)
    return tmp_path


def test_a_query_that_meets_it_says_so(data: Path) -> None:
    ulid = min(data.glob("shards/*/segments/*")).name
    with opened(data) as database:
        assert lost(database, (DAY, 2 * DAY)) == ()
        (text,) = lost(database, (0, 2 * DAY))
        assert text.startswith("damaged data was passed over, so samples of some series may be ")
        assert "from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z" in text
        assert f"1 segments are damaged in part, such as {ulid}" in text
        assert lost(database, (DAY, 2 * DAY)) == (), "of other times nothing is missing"
        assert lost(database, (0, 0)) == (text,), "also when it is known already"
        querier = database.querier("t", replica_labels=(), dedup=True)
        assert querier.losses == (), "nothing was asked"
        querier.select([], 0, 1)
        assert FederatedQuerier([("t", querier)]).losses == (f"tenant t: {text}",)


def test_what_queries_do_not_read_is_no_loss_of_theirs(data: Path) -> None:
    with opened(data) as database:
        directory = max(data.glob("shards/*/segments/*"))
        database._damages.note(directory / EXEMPLARS_FILE, None, "wrong")
        assert lost(database, (DAY, 2 * DAY)) == ()
