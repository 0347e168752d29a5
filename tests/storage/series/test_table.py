"""Registration: label bytes to series, with what is refused and why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import CorruptBatch
from storage.labels.pairs import LabelPairs
from storage.options import StorageOptions
from storage.reasons import (
    DUPLICATE_NAME,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    OK,
    TABLE_FULL,
    TOO_MANY_LABELS,
)
from storage.series.numbers import METRICS_MAX, NUMBER_BITS, TENANT_SHIFT
from storage.series.table import (
    RestoredSeries,
    SeriesTable,
    TableLimits,
)
from tests.makers.batches import batch_of, field, label, raw_batch, series_of
from tests.makers.tables import labelset_of
from tests.twins.storage import kernels as naive

OPTIONS = replace(StorageOptions(), series_max=1000, symbol_bytes_max=1 << 20)
NAME = label(b"__name__", b"up")


def resolve(table: SeriesTable, body: bytes, tenant: int = 1) -> list[int]:
    refs: list[int] = table.resolve(raw_batch(body), tenant).tolist()
    return refs


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([NAME], OK),
        ([label(b"z", b"1"), NAME, label(b"a", b"2")], OK),
        ([NAME, label(b"a.b \xc3\xa9", b"\xf0\x9f\x8f\x9b")], OK),
        ([NAME, label(b"a", b"")], OK),
        ([label(b"a", b"1")], NO_METRIC_NAME),
        ([label(b"__name__", b"")], NO_METRIC_NAME),
        ([], NO_METRIC_NAME),
        ([NAME, label(b"a", b"1"), label(b"a", b"2")], DUPLICATE_NAME),
        ([NAME, label(b"a", b"1"), label(b"a", b"")], DUPLICATE_NAME),
        ([NAME, label(b"", b"1")], EMPTY_NAME),
        ([NAME, label(b"a", b"\xff")], NOT_UTF8),
        ([NAME, label(b"a", b"\xed\xa0\x80")], NOT_UTF8),
        ([NAME, label(b"a", b"\xc0\x80")], NOT_UTF8),
        ([NAME, label(b"a", b"\xe2\x82")], NOT_UTF8),
        ([NAME, label(b"a\x80", b"1")], NOT_UTF8),
        ([NAME, label(b"a", b"x" * 65)], LABEL_TOO_LONG),
        ([NAME, *(label(b"l%d" % i, b"v") for i in range(5))], TOO_MANY_LABELS),
    ],
)
def test_label_sets_are_checked(labels: list[bytes], reason: int) -> None:
    table = SeriesTable(replace(OPTIONS, label_bytes_max=64, labels_per_series_max=5))
    assert resolve(table, series_of(*labels)) == [-reason - 1 if reason else 0]
    assert len(table) == (reason == OK)


@pytest.mark.parametrize(
    "damaged",
    [
        field(1, b"\x0a\x05ab"),  # a name longer than its message
        field(1, b"\x08\x01"),  # a name that is a number
        field(1, b"\x0a"),  # a tag without its content
        field(1, b"\x0b"),  # a group
        field(1, b"\x00\x01"),  # field number 0
    ],
)
def test_damaged_labels_refuse_the_whole_batch(damaged: bytes) -> None:
    table = SeriesTable(OPTIONS)
    with pytest.raises(CorruptBatch, match="damaged label in the series at byte"):
        resolve(table, series_of(NAME) + series_of(NAME, damaged))


labelsets = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["__name__", "a", "b", "Z", ""]), st.sampled_from(["", "x", "y"])
        ),
        max_size=4,
    ),
    min_size=1,
    max_size=8,
)


@given(labelsets)
def test_series_are_the_label_sets(sets: list[list[tuple[str, str]]]) -> None:
    table = SeriesTable(OPTIONS)
    expected = [naive.normalized(pairs) for pairs in sets]
    body = b"".join(series_of(*(label(n.encode(), v.encode()) for n, v in pairs)) for pairs in sets)
    for _ in range(2):  # the second time from the cache of label bytes
        for ref, labelset in zip(resolve(table, body), expected, strict=True):
            if isinstance(labelset, str):
                assert ref < 0
            else:
                assert labelset_of(table, ref) == dict(labelset)
    accepted = {labelset for labelset in expected if not isinstance(labelset, str)}
    assert len(table) == len(accepted)


def test_tenants_do_not_share_series() -> None:
    table = SeriesTable(OPTIONS)
    body = series_of(NAME)
    assert [resolve(table, body, tenant) for tenant in (1, 2, 1, 2)] == [[0], [1], [0], [1]]


def test_spellings_of_one_label_set_are_one_series() -> None:
    table = SeriesTable(OPTIONS)
    a, b = label(b"a", b"1"), label(b"b", b"2")
    bodies = [
        series_of(NAME, a, b),
        series_of(b, a, NAME),
        series_of(NAME, a, label(b"c", b""), b),
        series_of(NAME, a, field(9, b"unknown"), b),
    ]
    assert [resolve(table, body) for body in bodies] == [[0]] * 4


def test_ids_put_a_metric_of_a_tenant_into_one_range() -> None:
    table = SeriesTable(OPTIONS)
    names = ["up", "down", "up", "up", "down"]
    for tenant in (3, 2):
        written = [({"__name__": n, "i": str(i)}, [(1, 1.0)]) for i, n in enumerate(names)]
        table.resolve(batch_of(written[:2]), tenant)
        table.resolve(batch_of(written), tenant)
    parts = [
        (i >> TENANT_SHIFT, i >> NUMBER_BITS & METRICS_MAX - 1, i & (1 << NUMBER_BITS) - 1)
        for i in table.ids[: len(table)].tolist()
    ]
    assert [p[0] for p in parts] == [3] * 5 + [2] * 5
    by_metric = {(p[0], labelset_of(table, ref)["__name__"]): p[1] for ref, p in enumerate(parts)}
    assert all(
        by_metric[(p[0], labelset_of(table, r)["__name__"])] == p[1] for r, p in enumerate(parts)
    )
    metrics = {(p[0], p[1], labelset_of(table, ref)["__name__"]) for ref, p in enumerate(parts)}
    assert len(metrics) == 4
    assert len(set(parts)) == 10


def test_a_full_table_refuses_new_series_only() -> None:
    table = SeriesTable(replace(OPTIONS, series_max=2))
    written = [({"__name__": "up", "i": str(i)}, [(1, 1.0)]) for i in range(3)]
    assert table.resolve(batch_of(written[:2]), 1).tolist() == [0, 1]
    assert table.resolve(batch_of(written), 1).tolist() == [0, 1, -1 - TABLE_FULL]


def test_restored_series_keep_their_ids_and_numbering_goes_on() -> None:
    first = SeriesTable(OPTIONS)
    written = [({"__name__": n, "i": str(i)}, [(1, 1.0)]) for n in ("up", "down") for i in range(3)]
    first.resolve(batch_of(written), 5)
    second = SeriesTable(OPTIONS)
    texts = [first.symbols.text(code) for code in range(len(first.symbols))]
    lengths = np.array([len(t) for t in texts], np.int64)
    buffer = np.frombuffer("".join(texts).encode(), np.uint8)
    codes = second.symbols.intern(buffer, np.cumsum(lengths) - lengths, lengths)
    keep = 4  # the last two were never sealed
    size = int(first.offsets[keep])
    pairs = LabelPairs(
        first.offsets[: keep + 1], codes[first.names[:size]], codes[first.values[:size]]
    )
    newest = np.arange(keep)
    refs = second.restore(
        RestoredSeries(
            5, first.ids[:keep].copy(), pairs, newest, newest.astype(float).view(np.uint64)
        )
    )
    assert second.ids[refs].tolist() == first.ids[:keep].tolist()
    assert second.last_ms[refs].tolist() == newest.tolist()
    assert second.resolve(batch_of(written), 5).tolist() == list(range(6))
    assert len(set(second.ids[:6].tolist())) == 6
    assert [labelset_of(second, ref) for ref in range(6)] == [labels for labels, _ in written]


def test_the_cache_of_label_bytes_may_be_emptied() -> None:
    table = SeriesTable(OPTIONS, TableLimits(raw_spare=0))
    for i in range(50):
        spelling = series_of(NAME, field(9, b"%d" % i))
        assert resolve(table, spelling) == [0]
    assert len(table) == 1


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3)), max_size=12), st.data())
def test_a_renewed_table_is_one_of_the_series_that_are_left(
    written: list[tuple[int, int]], data: st.DataObject
) -> None:
    table = SeriesTable(OPTIONS)
    for name, tenant in written:
        labels = {"__name__": f"m{name % 3}", "i": str(name), "of": "ä" * tenant}
        refs = table.resolve(batch_of([(labels, [(1, 1.0)])]), tenant)
        table.last_ms[refs], table.last_bits[refs] = name, tenant
    count = len(table)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, max(0, count - 1))))), np.int64)
    kept = kept[kept < count]
    found = table.renewed(kept)
    fresh = found.table
    assert found.old_refs.tolist() == kept.tolist()
    assert [found.new_refs[ref] for ref in kept.tolist()] == list(range(len(kept)))
    assert (np.delete(found.new_refs, kept) == -1).all()
    assert len(fresh) == fresh.numbered == len(kept)
    for new, old in enumerate(kept.tolist()):
        assert labelset_of(fresh, new) == labelset_of(table, old)
        for name in ("tenants", "ids", "last_ms", "last_bits"):
            assert getattr(fresh, name)[new] == getattr(table, name)[old]
    for tenant in (1, 2, 3):
        assert fresh.registered(tenant) == int((fresh.tenants[: len(kept)] == tenant).sum())
    texts = {text for row in range(len(kept)) for pair in labelset_of(fresh, row).items()
             for text in pair}  # fmt: skip
    assert len(fresh.symbols) == len(texts) + 1
    ids = set(fresh.ids[: len(kept)].tolist())
    for name, tenant in written:  # those that are known are found, the others are registered again
        labels = {"__name__": f"m{name % 3}", "i": str(name), "of": "ä" * tenant}
        refs = fresh.resolve(batch_of([(labels, [(1, 1.0)])]), tenant)
        assert labelset_of(fresh, int(refs[0])) == labels
    assert len(fresh) == count
    assert ids <= set(fresh.ids[:count].tolist())
    assert len(set(fresh.ids[:count].tolist())) == count
