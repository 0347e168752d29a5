"""What several tests of the log need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.log.wal import Wal


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[Wal]:
    wal = Wal.open(tmp_path / "wal", first_file=1)
    yield wal
    wal.close()
