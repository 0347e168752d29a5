"""A tenant of a database as a source: with all replicas, and symbols that may come twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storage.labels.matchers import Matcher
from storage.read.joined.querier import JoinedQuerier, ReplicaRule
from storage.samples.hint import NO_HINT
from tests.makers.databases import WHOLE, opened, series, write
from tests.makers.sources.joined import MemorySource, local_source


def test_series_are_as_they_are_stored(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(10, 1.0)], replica="a"), series("up", [(9, 2.0)])])
        source = local_source(database, "t")
        found = source.select([Matcher("__name__", "=", "up")], WHOLE, NO_HINT)()
        opened_rows = found.open(np.array([1, 0]), (0, 9))
        assert opened_rows.read(0, 2).offsets.tolist() == [0, 1, 1]
        assert source.series([], WHOLE)().rows == 2
        assert source.exemplars([], WHOLE)().labels.rows == 0
        assert source.losses == ()


def test_a_text_that_is_stored_during_a_query_is_no_other_one(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(10, 1.0)], pod="old")])
        other = MemorySource([series("up", [(11, 2.0)], pod="new")])
        querier = JoinedQuerier([local_source(database, "t"), other], ReplicaRule(), series_max=100)
        assert querier.select([], *WHOLE).labels.rows == 2
        write(database, [series("up", [(12, 3.0)], pod="new")])
        again = querier.select([], *WHOLE)
        assert again.labels.rows == 2
        assert again.read(0, 1).values.tolist() == [2.0, 3.0]
