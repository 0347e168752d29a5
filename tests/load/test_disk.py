"""What sealed segments take is the sum of their files, unfinished ones left out."""

import json
from pathlib import Path

from disk import DiskUse, disk_use


def test_disk_use_adds_up_finished_segments(tmp_path: Path) -> None:
    for name, samples in (("01A", 100), ("01B", 300), ("01C.tmp", 5_000)):
        directory = tmp_path / "shards" / "0000" / "segments" / name
        directory.mkdir(parents=True)
        meta = json.dumps({"segment": {"samples": samples, "series": 2}})
        (directory / "meta.json").write_text(meta)
        (directory / "samples.parquet").write_bytes(bytes(samples))
    use = disk_use(tmp_path)
    assert use is not None
    assert (use.segments, use.samples, use.series) == (2, 400, 4)
    assert use.files["samples.parquet"] == 400
    assert use.bytes_per_sample == 1 + use.files["meta.json"] / 400


def test_disk_use_without_segments_is_none(tmp_path: Path) -> None:
    assert disk_use(tmp_path) is None


def test_bytes_per_sample_counts_every_file() -> None:
    assert DiskUse(1, 10, 1, {"a": 4, "b": 2}).bytes_per_sample == 0.6
