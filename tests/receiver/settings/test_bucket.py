"""The bucket that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.settings.bucket import bucket_of, reading_bucket
from receiver.settings.config import ConfigError, build
from tests.makers.buckets.servers import directory_text


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


def test_a_bucket_that_is_only_read(tmp_path: Path) -> None:
    with reading_bucket(build({})) as bucket:
        assert bucket is None
    with reading_bucket(build({"objstore.config": directory_text(tmp_path)})) as bucket:
        assert bucket is not None
        bucket.store.put("a", b"1")
        assert [each.name for each in bucket.store.listed("")] == ["a"]
