"""Files of histograms that are not ours are refused, and footers say what is worth reading."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.segments.duck import Duck
from storage.segments.histogram_reader import read_footer, wanted_groups
from storage.segments.histograms import HistogramGroups
from storage.segments.writer import RowGroups
from tests.makers.histograms import EXAMPLES
from tests.makers.segments import write_mixed


@pytest.fixture
def directory(tmp_path: Path, duck: Duck) -> Path:
    series = {i: [(t, EXAMPLES[0], 0) for t in range(10 * i, 10 * i + 4)] for i in (1, 4, 6)}
    groups = RowGroups(histograms=HistogramGroups(rows=4))
    return tmp_path / write_mixed(duck, tmp_path, series, groups=groups, block_series=1).ulid


@pytest.mark.parametrize(
    ("ids", "span", "groups"),
    [
        ([1, 4, 6], (0, 100), [0, 1, 2]),
        ([0, 2, 5], (0, 100), []),
        ([4], (0, 100), [1]),
        ([1, 6], (14, 100), [2]),
        ([1, 6], (13, 59), [0]),
    ],
)
def test_wanted_groups(
    directory: Path, ids: list[int], span: tuple[int, int], groups: list[int]
) -> None:
    footer = read_footer(directory)
    assert wanted_groups(footer, np.array(ids), span).tolist() == groups
    assert footer.held_bytes > footer.parquet.serialized_size


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "cannot read"),
        (lambda path: path.write_bytes(b"PAR1"), "cannot read"),
        (lambda path: pq.write_table(pa.table({"a": [1]}), path), "has the columns"),
        (
            lambda path: pq.write_table(pq.read_table(path), path, write_statistics=False),
            "does not tell",
        ),
    ],
)
def test_files_that_are_not_ours(
    directory: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(directory / "histograms.parquet")
    with pytest.raises(FormatError, match=message):
        read_footer(directory)
