"""What the process opens is what its role and its bucket say."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.opening import check_role
from receiver.settings.config import ConfigError, build
from tests.makers.buckets.servers import directory_text


def test_a_query_process_needs_a_bucket(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="role: query reads a bucket, and none is given"):
        check_role(build({"role": "query"}))
    check_role(build({}))
    check_role(build({"role": "query", "objstore.config": directory_text(tmp_path)}))
