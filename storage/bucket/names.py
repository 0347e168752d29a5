"""The names of everything in a bucket.

contents.json                          what counts: tenants, segments, deletions
metadata/0003.json                     metric families of the tenants of a shard
segments/0003/01JD...Z/                one segment
  samples.parquet  series.parquet  ...   its files, as they are in a data directory
  meta.json                              written last: a segment without it is not whole
"""

import re

CONTENTS = "contents.json"
SEGMENTS = "segments"
SEGMENT_FILE = re.compile(rf"{SEGMENTS}/(\d{{4,}})/([0-9A-Z]{{26}})/([a-z0-9.]+)")


def segment_file(shard: int, ulid: str, name: str) -> str:
    return f"{SEGMENTS}/{shard:04d}/{ulid}/{name}"


def metadata_object(shard: int) -> str:
    return f"metadata/{shard:04d}.json"


def segment_of(name: str) -> tuple[int, str, str] | None:
    """Shard, ULID and file name of an object; None if it is no segment's."""
    match = SEGMENT_FILE.fullmatch(name)
    return (int(match[1]), match[2], match[3]) if match else None
