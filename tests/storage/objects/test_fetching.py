"""Objects as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import ObjectMissing
from storage.objects import fetching
from storage.objects.fetching import fetch
from tests.makers.buckets.servers import directory_store


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 95])
def test_all_pieces_in_their_order(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "PIECE_BYTES", 10)
    monkeypatch.setattr(fetching, "PIECES_AT_ONCE", 2)
    content = bytes(range(size))
    store = directory_store(tmp_path / "bucket")
    store.put("a/b", content)
    fetch(store, "a/b", size, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    store.close()


def test_an_object_that_is_not_there(tmp_path: Path) -> None:
    store = directory_store(tmp_path / "bucket")
    with pytest.raises(ObjectMissing):
        fetch(store, "a", 1, tmp_path / "file")
    store.close()
