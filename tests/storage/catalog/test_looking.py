"""A look at a catalog sees what is committed, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.looking import look_at
from storage.errors import FormatError
from storage.tenants.tenant import Tenant
from tests.storage.catalog.test_catalog import segment


def test_what_there_is_is_seen_beside_the_program_that_has_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    catalog = Catalog.open(path, shards=4)
    catalog.add_tenants({"a": 3})
    late, early, aside = (segment(max_ms=ms) for ms in (9, 5, 7))
    catalog.seal(1, [late, early, aside], 2)
    catalog.set_aside(aside.ulid, "damaged")
    for _ in range(2):
        look = look_at(path)
        assert look.tenants == [Tenant("a", 1, 3)]
        assert look.segments == [early, late]
    catalog.close()
    assert look_at(path).segments == [early, late]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read the catalog .*missing"):
        look_at(tmp_path / "missing.sqlite")
    assert not (tmp_path / "missing.sqlite").exists()
    (tmp_path / "other.sqlite").write_bytes(b"x" * 4096)
    with pytest.raises(FormatError, match=r"cannot read the catalog .*other"):
        look_at(tmp_path / "other.sqlite")
