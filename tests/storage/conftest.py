"""What several tests of storage need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.segments.duck import Duck


@pytest.fixture
def duck(tmp_path: Path) -> Iterator[Duck]:
    duck = Duck(memory_bytes=256 << 20, threads=2, temporary=tmp_path / "spill")
    yield duck
    duck.close()
