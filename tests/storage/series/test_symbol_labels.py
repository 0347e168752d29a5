"""The labels of remote write 2.0 series: one label set whatever the protocol and the spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY, Batch
from storage.options import StorageOptions
from storage.reasons import BAD_REFERENCE, TABLE_FULL
from storage.refusals.samples import label_text, series_rejects
from storage.series.symbol_labels import runs_of_items
from storage.series.table import SeriesTable, TableLimits
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import WireSeries, batch_v1, batch_v2, compress, double, integer
from tests.makers.tables import labelset_of
from tests.twins.wire.v1 import encode_varint, message, tag
from tests.twins.wire.v2 import Pair, check_labels

OPTIONS = replace(
    StorageOptions(),
    series_max=10_000,
    symbol_bytes_max=1 << 20,
    labels_per_series_max=4,
    label_bytes_max=20,
)

compiled = settings(deadline=None)


def request(labelsets: list[list[Pair]], symbols: list[bytes] | None = None) -> Batch:
    """A batch of series with one sample each. symbols: where every text is its last equal one."""
    found = symbols or [b""]
    series = []
    for labels in labelsets:
        numbers = b""
        for text in (text for pair in labels for text in pair):
            if text not in found:
                found.append(text)
            numbers += encode_varint(len(found) - 1 - found[::-1].index(text))
        series.append(message(5, message(1, numbers) + message(2, double(1, 1.0) + integer(2, 1))))
    body = b"".join([*(message(4, text) for text in found), *series])
    return DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body))


TEXTS = st.sampled_from(
    [
        b"",
        b"__name__",
        b"up",
        b"a",
        b"b",
        b"\xff",
        b"x" * 20,
        b"y" * 21,
        b"x" * 19,
        "\u03c0".encode(),
    ]
)
NAMED = st.tuples(TEXTS, TEXTS).map(lambda pair: (b"__name__", pair[1]))
LABELS = st.lists(st.tuples(TEXTS, TEXTS) | NAMED, max_size=5)


@compiled
@given(st.lists(LABELS, max_size=6), st.randoms(use_true_random=False))
def test_labels_are_checked_as_by_the_twin(labelsets: list[list[Pair]], random: Any) -> None:
    table = SeriesTable(OPTIONS)
    symbols = [b"", b"a", b"a", b"__name__", b"up", b"__name__"]
    random.shuffle(symbols)
    refs = table.resolve(request(labelsets, symbols), 1)
    for labels, ref in zip(labelsets, refs.tolist(), strict=True):
        expected = check_labels(labels, 4, 20)
        assert (-1 - ref if ref < 0 else labelset_of(table, ref)) == expected


def test_both_protocols_make_one_series() -> None:
    table = SeriesTable(OPTIONS)
    up = {"__name__": "up", "job": "x"}
    unsorted = [("job", "x"), ("__name__", "up"), ("empty", "")]
    first = table.resolve(batch_v1([WireSeries(up)]), 1)
    again = table.resolve(batch_v2([WireSeries(up), WireSeries(unsorted)]), 1)
    assert [*first, *again] == [0, 0, 0]
    assert table.resolve(batch_v2([WireSeries(up), WireSeries(unsorted)]), 1).tolist() == [0, 0]
    assert table.resolve(batch_v2([WireSeries(up)]), 2).tolist() == [1]
    other = table.resolve(batch_v2([WireSeries(up | {"job": "y"})]), 1).tolist()
    assert table.resolve(batch_v1([WireSeries(up | {"job": "y"})]), 1).tolist() == other == [2]


def test_many_series_are_registered_in_runs() -> None:
    series = [WireSeries({"__name__": "n", "i": str(i % 700)}) for i in range(1_000)]
    batch = batch_v2(series)
    runs = runs_of_items(batch, np.arange(1_000), 64)
    assert len(runs) > 50
    assert np.concatenate(runs).tolist() == list(range(1_000))
    table = SeriesTable(OPTIONS, TableLimits(references=64))
    refs = table.resolve(batch, 1)
    assert refs.tolist() == [i % 700 for i in range(1_000)]
    assert labelset_of(table, 699) == {"__name__": "n", "i": "699"}


def test_wrong_references_refuse_their_series_only() -> None:
    symbols = b"".join(message(4, text) for text in (b"", b"__name__", b"up"))
    sound = message(5, message(1, b"\x01\x02"))
    wrong = [
        message(5, message(1, b"\x01\x03") + message(2, b"")),
        message(5, message(1, b"\x01\x02\x01") + message(2, b"")),
        message(5, message(1, b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x80") + message(2, b"")),
        message(5, message(1, b"\x01\x02") + message(2, b"") + message(5, tag(4, 0) + b"\x03")),
    ]
    body = symbols + sound + b"".join(wrong) + sound
    batch = DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body))
    table = SeriesTable(OPTIONS)
    bad = -1 - BAD_REFERENCE
    for _ in range(2):
        assert table.resolve(batch, 1).tolist() == [0, bad, bad, bad, bad, 0]
    (reject,) = series_rejects(batch, table.resolve(batch, 1), OPTIONS)
    assert (reject.reason, reject.count) == ("symbol_reference", 4)
    assert [label_text(batch, i) for i in range(6)] == [
        '{__name__="up"}', "{}", '{__name__="up"}', "{}", '{__name__="up"}', '{__name__="up"}'
    ]  # fmt: skip


def test_a_full_table_refuses_new_series_only() -> None:
    table = SeriesTable(replace(OPTIONS, series_max=2))
    known = WireSeries({"__name__": "a"})
    assert table.resolve(batch_v2([known]), 1).tolist() == [0]
    many = batch_v2([known, *(WireSeries({"__name__": f"n{i}"}) for i in range(5))])
    assert table.resolve(many, 1).tolist() == [0] + [-1 - TABLE_FULL] * 5
    small = SeriesTable(replace(OPTIONS, symbol_bytes_max=28))
    assert (
        small.resolve(batch_v2([known, WireSeries({"__name__": "x" * 20})]), 1).tolist()
        == [-1 - TABLE_FULL] * 2
    )


def test_texts_of_refused_series_are_not_kept() -> None:
    table = SeriesTable(OPTIONS)
    table.resolve(batch_v2([WireSeries({"job": "nameless"}), WireSeries({"__name__": "a"})]), 1)
    assert table.symbols.find("a") > 0
    assert table.symbols.find("nameless") == -1


def test_a_long_text_named_often_costs_its_bytes_once() -> None:
    text = b"z" * 60_000
    options = replace(OPTIONS, label_bytes_max=60_000, symbol_bytes_max=200_000)
    table = SeriesTable(options)
    labelsets = [[(b"__name__", b"n%d" % i), (b"z", text), (text, text)] for i in range(500)]
    assert table.resolve(request(labelsets), 1).tolist() == list(range(500))
