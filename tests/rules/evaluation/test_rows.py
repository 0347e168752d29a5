"""Results of the engine as rows."""

import pytest

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from rules.evaluation.rows import RuleError, label_rows, rows_of, value_text
from storage.histograms.histograms import Parts
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import parse_native


def store() -> MemoryStore:
    made = MemoryStore()
    made.write({"__name__": "a", "x": "1"}, [(0, 1.0)])
    made.write({"__name__": "a", "y": "2"}, [(0, 2.0)])
    made.write({"__name__": "h"}, [(0, parse_native("schema:0 count:3 sum:4 buckets:[1 2]"))])
    return made


def test_rows() -> None:
    engine, data = Engine(EngineOptions()), store()
    try:
        rows = rows_of(engine.instant_query(data, "a", 0))
        assert [(dict(row.labels), row.value) for row in rows] == [
            ({"__name__": "a", "x": "1"}, 1.0),
            ({"__name__": "a", "y": "2"}, 2.0),
        ]
        (native,) = rows_of(engine.instant_query(data, "h", 0))
        assert isinstance(native.value, Parts)
        assert (native.value.count, native.value.sum) == (3.0, 4.0)
        assert value_text(native.value) == "{count:3, sum:4, (0.5,1]:1, (1,2]:2}"
        (scalar,) = rows_of(engine.instant_query(data, "1 + 2", 0))
        assert (scalar.labels, scalar.value) == ({}, 3.0)
        assert rows_of(engine.instant_query(data, "nothing", 0)) == []
        for text in ("a[5m]", '"text"'):
            with pytest.raises(RuleError, match="^rule result is not a vector or scalar$"):
                rows_of(engine.instant_query(data, text, 0))
    finally:
        engine.close()


def test_labels_of_frames() -> None:
    rows = [{"a": "1"}, {}, {"b": "2", "a": "3"}]
    assert label_rows(LabelFrame.from_dicts(Symbols(), rows)) == rows
