"""What the catalog knows of uploads survives, and the number of a directory stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from storage.catalog.catalog import Catalog
from storage.catalog.uploads import LEAVING, UPLOADED, UPLOADING, Upload
from storage.files import catalog_file


def test_states_are_replaced_and_forgotten(open_catalog: Callable[..., Catalog]) -> None:
    catalog = open_catalog(shards=2)
    first, second = Upload("A", 0, UPLOADING, 1), Upload("B", 1, UPLOADED, 2)
    catalog.uploads.note([first, second])
    catalog.uploads.note([first._replace(state=LEAVING, since_ms=5)])
    catalog.close()
    catalog = open_catalog(shards=2)
    assert catalog.uploads.all() == {"A": Upload("A", 0, LEAVING, 5), "B": second}
    catalog.uploads.forget(["A", "C"])
    assert catalog.uploads.all() == {"B": second}
    catalog.close()


def test_a_directory_has_a_number_of_its_own(tmp_path: Path) -> None:
    numbers = set()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        catalog = Catalog.open(catalog_file(tmp_path / name), shards=1)
        number = catalog.uploads.writer()
        assert catalog.uploads.writer() == number
        numbers.add(number)
        catalog.close()
    assert len(numbers) == 2
    catalog = Catalog.open(catalog_file(tmp_path / "one"), shards=1)
    assert catalog.uploads.sequence() == 0
    catalog.uploads.become(5, 7)
    catalog.uploads.note_sequence(8)
    catalog.close()
    catalog = Catalog.open(catalog_file(tmp_path / "one"), shards=1)
    assert (catalog.uploads.writer(), catalog.uploads.sequence()) == (5, 8)
    catalog.close()
