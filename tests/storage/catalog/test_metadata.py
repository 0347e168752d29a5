"""Metadata: what is new, what is kept, what has to be saved, what makes room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.metadata import (
    COUNTER,
    DESCRIPTIONS_PER_FAMILY_MAX,
    FAMILY_BYTES_MAX,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    IDLE_MS,
    SUMMARY,
    UNKNOWN,
    Description,
    FamilyMetadata,
    MetadataTable,
    decoded,
    family_of,
    gauge_rows,
)
from storage.database import Database
from storage.errors import StorageError
from storage.labels.frames import LabelFrame, Symbols, empty_frame
from storage.options import StorageOptions
from storage.read.federation import FederatedQuerier
from storage.shard.writer import WriterLimits
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import append, opened, series, write
from tests.makers.metadata import Told, raw_metadata
from tests.storage.read.test_querier import wait_for_seals

OPTIONS = replace(StorageOptions(), metadata_families_max=3, metadata_text_bytes_max=8)
UP: Told = ("up", GAUGE, "Is it?", "")


def tell(
    table: MetadataTable, *told: Told, tenant: int = 1, now_ms: int = 0, by_series: bool = False
) -> tuple[int, int]:
    """(new entries, entries not kept)."""
    raw = raw_metadata(told, named_by_series=by_series)
    fresh = table.fresh(tenant, raw, now_ms)
    return len(fresh), table.add(tenant, raw, fresh, now_ms)


def test_entries_are_new_once() -> None:
    table = MetadataTable(OPTIONS)
    assert tell(table, UP, UP, ("a", COUNTER, "", "s")) == (3, 0)
    assert tell(table, UP, ("a", COUNTER, "", "s")) == (0, 0)
    assert tell(table, UP, tenant=2) == (1, 0)
    assert len(table) == 3
    assert table.describe(1) == {
        "a": (Description(COUNTER, "", "s"),),
        "up": (Description(GAUGE, "Is it?", ""),),
    }
    assert table.describe(1, "a") == {"a": (Description(COUNTER, "", "s"),)}
    assert table.describe(1, "b") == table.describe(3) == {}


def test_families_have_a_few_descriptions() -> None:
    table = MetadataTable(OPTIONS)
    for _ in range(2):
        for i in range(DESCRIPTIONS_PER_FAMILY_MAX + 2):
            tell(table, ("up", GAUGE, f"No {i}", ""))
    (kept,) = table.describe(1).values()
    assert [d.help for d in kept] == [f"No {i}" for i in range(2, DESCRIPTIONS_PER_FAMILY_MAX + 2)]


def test_what_changed_is_to_be_saved_once() -> None:
    table = MetadataTable(OPTIONS)
    tell(table, UP)
    tell(table, ("up", COUNTER, "Is it?", ""))
    unsaved = table.take_unsaved()
    described = (Description(GAUGE, "Is it?", ""), Description(COUNTER, "Is it?", ""))
    assert unsaved == [FamilyMetadata(1, "up", described)]
    assert table.take_unsaved() == []
    table.put_back(unsaved)
    assert table.take_unsaved() == unsaved
    tell(table, UP)
    assert table.take_unsaved() == []


def test_loaded_families_are_known_and_saved() -> None:
    table = MetadataTable(OPTIONS)
    stored = FamilyMetadata(1, "up", (Description(GAUGE, "Is it?", ""),))
    table.load([stored, FamilyMetadata(2, "up", ())], 5)
    assert table.describe(1) == {"up": stored.descriptions}
    assert tell(table, UP) == (1, 0)
    assert table.take_unsaved() == []


def test_idle_families_make_room_and_others_do_not() -> None:
    table = MetadataTable(OPTIONS)
    tell(table, *((name, GAUGE, "", "") for name in "abc"))
    table.take_unsaved()
    d: Told = ("d", GAUGE, "", "")
    assert tell(table, d, now_ms=IDLE_MS) == (1, 1)
    assert tell(table, d, now_ms=IDLE_MS) == (0, 0), "not kept, and not looked at again"
    assert tell(table, d, tenant=2, now_ms=IDLE_MS) == (1, 0)
    tell(table, ("b", GAUGE, "", ""), now_ms=IDLE_MS + 1)
    assert tell(table, d, now_ms=2 * IDLE_MS + 1) == (1, 0), "tried again after a while"
    assert list(table.describe(1)) == ["b", "d"]
    assert len(table) == 3
    assert table.take_unsaved() == [
        FamilyMetadata(1, "a", ()),
        FamilyMetadata(1, "c", ()),
        FamilyMetadata(1, "d", (Description(GAUGE, "", ""),)),
        FamilyMetadata(2, "d", (Description(GAUGE, "", ""),)),
    ]
    assert tell(table, ("a", GAUGE, "", ""), now_ms=2 * IDLE_MS + 1) == (1, 0)
    assert list(table.describe(1)) == ["a", "b", "d"]


def test_a_tenant_is_forgotten_and_may_come_back() -> None:
    table = MetadataTable(OPTIONS)
    tell(table, UP)
    tell(table, UP, tenant=2)
    table.take_unsaved()
    table.forget(1)
    assert (len(table), table.describe(1), list(table.describe(2))) == (1, {}, ["up"])
    assert table.take_unsaved() == [FamilyMetadata(1, "up", ())]
    assert tell(table, UP) == (1, 0)
    assert list(table.describe(1)) == ["up"]
    table.forget(3)
    assert len(table) == 2


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (("", GAUGE, "x", ""), None),
        (("x" * FAMILY_BYTES_MAX, GAUGE, "", ""), Description(GAUGE, "", "")),
        (("x" * (FAMILY_BYTES_MAX + 1), GAUGE, "", ""), None),
        (("a", 99, "", ""), Description(UNKNOWN, "", "")),
        (("a", -1, "", ""), Description(UNKNOWN, "", "")),
        (("a", GAUGE, "0123456789", "bytes"), Description(GAUGE, "01234567", "bytes")),
        (("a", GAUGE, "0123456é", ""), Description(GAUGE, "0123456", "")),
        (("a", GAUGE, b"a\xffb\x00", ""), Description(GAUGE, "a\ufffdb\ufffd", "")),
    ],
)
def test_texts_are_bounded_and_sound(told: Told, kept: Description | None) -> None:
    table = MetadataTable(OPTIONS)
    assert tell(table, told) == (1, kept is None)
    assert [d for found in table.describe(1).values() for d in found] == ([kept] if kept else [])


def test_new_spellings_without_end_do_not_fill_memory() -> None:
    table = MetadataTable(OPTIONS, spare_hashes=10)
    for i in range(100):
        tell(table, ("a", GAUGE, "0123456789" + str(i), ""))
        assert len(table._cache) <= 14
    assert tell(table, ("a", GAUGE, "another", "")) == (1, 0)
    assert [d.help for d in table.describe(1)["a"]] == ["01234567", "another"]


def test_gauges_are_told_by_all_descriptions() -> None:
    table = MetadataTable(OPTIONS)
    tell(table, UP, ("a", COUNTER, "", ""), ("b", GAUGE, "", ""), ("b", COUNTER, "", ""))
    found = table.gauges(1, ["b", "up", "nothing", "a"])
    assert found.tolist() == [False, True, False, False]
    assert table.gauges(2, ["up"]).tolist() == [False]
    names = ("a", "up", "up", "b", "")
    labels = LabelFrame.from_dicts(Symbols(), [{"__name__": name} for name in names])
    rows = gauge_rows(table, 1, labels)
    assert rows is not None
    assert rows.tolist() == [False, True, True, False, False]
    assert gauge_rows(table, 2, labels) is None
    assert gauge_rows(table, 1, labels.take(np.array([0, 3]))) is None
    assert gauge_rows(table, 1, empty_frame(Symbols())) is None


@pytest.mark.parametrize(
    ("series", "kind", "family"),
    [
        ("a_bucket", HISTOGRAM, "a"),
        ("a_count", HISTOGRAM, "a"),
        ("a", HISTOGRAM, "a"),
        ("a_sum", SUMMARY, "a"),
        ("a_bucket", SUMMARY, "a_bucket"),
        ("a_gcount", GAUGE_HISTOGRAM, "a"),
        ("a_total", COUNTER, "a_total"),
        ("a_sum", GAUGE, "a_sum"),
        ("_sum", SUMMARY, "_sum"),
    ],
)
def test_series_belong_to_families(series: str, kind: int, family: str) -> None:
    assert family_of(series, kind) == family
    table = MetadataTable(OPTIONS)
    tell(table, (series, kind, "", ""), by_series=True)
    assert list(table.describe(1)) == [family]
    tell(table, (series, kind, "", "unit"))
    assert set(table.describe(1)) == {family, series}


def test_texts_are_cut_between_characters() -> None:
    assert [decoded("aé🏛".encode(), n) for n in range(8)] == [
        "", "a", "a", "aé", "aé", "aé", "aé", "aé🏛",
    ]  # fmt: skip


def test_metadata_outlives_restarts(tmp_path: Path) -> None:
    """From the log first, then from the catalog; what is known is not logged again."""
    told = [("up", GAUGE, "Is it?", ""), ("a", COUNTER, "", "s")]
    expected: dict[str, tuple[Description, ...]] = {
        "a": (Description(COUNTER, "", "s"),),
        "up": (Description(GAUGE, "Is it?", ""),),
    }
    with opened(tmp_path, head_samples_max=8) as database:
        sizes = []
        for _ in range(2):
            assert append(database, batch(metadata=told)).rejects == ()
            sizes.append(database._shards[0].wal.size_bytes())
        assert sizes[0] == sizes[1]
        assert described(database) == expected
        assert described(database, "u") == {}
    with opened(tmp_path, head_samples_max=8) as database:
        assert described(database) == expected, "from the log"
        write(database, [series("up", [(time, 1.0) for time in range(5)])])
        wait_for_seals(database)
        append(database, batch(metadata=[("up", COUNTER, "No.", "")]))
    with opened(tmp_path, head_samples_max=8) as database:
        expected["up"] = (*expected["up"], Description(COUNTER, "No.", ""))
        assert described(database) == expected, "from the catalog and the log"
        assert described(database, tenant="other") == {}
        assert database._catalog.metadata(0) == [
            FamilyMetadata(1, "a", expected["a"]),
            FamilyMetadata(1, "up", expected["up"][:1]),
        ]


def test_metadata_that_cannot_be_saved_is_saved_with_the_next_seal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = WriterLimits(seal_retry_seconds=0.01)
    with opened(tmp_path, limits=limits, head_samples_max=8) as database:
        save = Catalog.save_metadata
        failures = [StorageError("disk full")]

        def fail_once(catalog: Catalog, families: Sequence[FamilyMetadata]) -> None:
            if failures:
                raise failures.pop()
            save(catalog, families)

        monkeypatch.setattr(Catalog, "save_metadata", fail_once)
        append(database, batch(metadata=[("up", GAUGE, "", "")]))
        write(database, [series("up", [(time, 1.0) for time in range(5)])])
        wait_for_seals(database)
        assert not failures
        assert len(database._catalog.metadata(0)) == 1


def test_several_tenants_are_told_together(tmp_path: Path) -> None:
    up = ("up", GAUGE, "Is it?", "")
    with opened(tmp_path) as database:
        append(database, batch(metadata=[up, ("a", GAUGE, "", "")]), tenant="one")
        append(database, batch(metadata=[up, ("up", GAUGE, "No.", "")]), tenant="two")
        queriers = [(t, database.querier(t, replica_labels=(), dedup=True)) for t in ["one", "two"]]
        assert FederatedQuerier(queriers).metadata() == {
            "a": (Description(GAUGE, "", ""),),
            "up": (Description(GAUGE, "Is it?", ""), Description(GAUGE, "No.", "")),
        }
        assert list(FederatedQuerier(queriers).metadata("a")) == ["a"]


def described(database: Database, family: str = "", *, tenant: str = "t") -> dict[str, Any]:
    querier = database.querier(tenant, replica_labels=(), dedup=True)
    return dict(querier.metadata(family))
