"""The series of a segment are read back as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import FormatError
from storage.files import SERIES_FILE
from storage.segments import writer as writing
from storage.segments.duck import Duck
from storage.segments.series_columns import label_codes, read_series_columns, texts_of_codes
from tests.makers.segments import flipped, labels_of, some_rows, tenant_of, write_rows

IDS = [1, 2, 3, 8, 11, 12]


def test_columns_are_those_of_the_segment(
    duck: Duck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SERIES_BATCH_ROWS", 4)  # two row groups
    meta = write_rows(duck, tmp_path, some_rows(IDS, [1, 5]))
    series, counts = read_series_columns(tmp_path / meta.ulid / SERIES_FILE)
    assert series.ids.tolist() == IDS
    assert counts.tolist() == [2] * len(IDS)
    names = series.tenant_names.to_pylist()
    assert [names[code] for code in series.tenants.tolist()] == [tenant_of(i) for i in IDS]
    for name in ("__name__", "id", "ort", "zone", "missing"):
        found = texts_of_codes(series, label_codes(series, name).tolist())
        assert found == [labels_of(i).get(name, "") for i in IDS]
    texts = series.symbols.to_pylist()
    for row, series_id in enumerate(IDS):
        part = slice(*series.pairs.offsets[row : row + 2].tolist())
        pairs = zip(series.pairs.names[part], series.pairs.values[part], strict=True)
        assert {texts[n]: texts[v] for n, v in pairs} == labels_of(series_id)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / SERIES_FILE
    path.write_bytes(b"PAR1")
    with pytest.raises(FormatError, match=str(path)):
        read_series_columns(path)


def test_a_footer_with_any_byte_changed_is_an_error_that_is_expected(
    duck: Duck, tmp_path: Path
) -> None:
    """Names that are no UTF-8, columns that are missing or of another type."""
    meta = write_rows(duck, tmp_path, some_rows([1, 2], [1, 5]))
    path = tmp_path / meta.ulid / SERIES_FILE
    refused = 0
    for data in flipped(path.read_bytes()):
        path.write_bytes(data)
        try:
            read_series_columns(path)
        except FormatError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 200
