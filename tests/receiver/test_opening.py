"""What the process opens is what its role and its bucket say."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.opening import bucket_of, check_role
from receiver.settings.config import ConfigError, build
from tests.makers.buckets.servers import directory_text


def test_a_query_process_needs_a_bucket(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="role: query reads a bucket, and none is given"):
        check_role(build({"role": "query"}))
    check_role(build({}))
    check_role(build({"role": "query", "objstore.config": directory_text(tmp_path)}))


def test_the_bucket_of_the_settings(tmp_path: Path) -> None:
    assert bucket_of(build({}), CollectorRegistry()) is None
    config = build({"objstore.config": directory_text(tmp_path, "a"), "objstore.max-tries": 3})
    bucket = bucket_of(config, CollectorRegistry())
    assert bucket is not None
    assert bucket.store.place == f"file://{tmp_path}/a"
    assert bucket.options.tries_max == 3
    bucket.store.close()
    with pytest.raises(ConfigError, match="objstore.config: type: got 'TAPE'"):
        bucket_of(build({"objstore.config": "type: TAPE"}), CollectorRegistry())
