"""Blocks of a bucket, asked as one query asks them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from receiver.importing.bucket import files_by_block
from receiver.stores.bucket.block import Asked, BlockReader, Kept, KnownBlock
from receiver.stores.bucket.header import Headers
from receiver.stores.bucket.pages import Pages
from receiver.stores.bucket.view import describe
from receiver.stores.limits import AnswerLimits, Budget
from storage.labels.matchers import Matcher
from storage.objects.store import ObjectStore
from storage.read.joined.fetched import FetchedSeries
from storage.samples.hint import Purpose
from tests.makers.blocks import ULID
from tests.makers.buckets.servers import directory_store

AMPLE = AnswerLimits(1 << 26, 100_000, 100_000, 10_000_000)
ALWAYS = (-(1 << 62), 1 << 62)
Found = dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]


def kept_of(store: ObjectStore) -> Kept:
    return Kept(Pages(store, 1 << 24), Headers(store, 1 << 24))


def reader_of(
    bucket: Path,
    *matchers: Matcher,
    ulid: str = ULID,
    span: tuple[int, int] = ALWAYS,
    purpose: Purpose = Purpose.VALUES,
    with_samples: bool = True,
    limits: AnswerLimits = AMPLE,
    is_late: Callable[[], bool] = lambda: False,
) -> BlockReader:
    """What reads one block of a directory, of which the bucket is asked now."""
    store = directory_store(bucket)
    sizes = files_by_block(store.listed(""))[ulid]
    meta = describe(store, ulid, sizes).meta
    assert meta is not None
    asked = Asked(matchers, span, purpose, with_samples, is_late)
    return BlockReader(KnownBlock(meta, sizes), kept_of(store), asked, Budget(limits))


def found_in(series: FetchedSeries) -> Found:
    """Series with their floats."""
    samples = series.samples
    found: Found = {}
    for row in range(series.labels.rows):
        own = slice(int(samples.offsets[row]), int(samples.offsets[row + 1]))
        points = zip(samples.timestamps[own].tolist(), samples.values[own].tolist(), strict=True)
        found[tuple(sorted(series.labels.labelset(row).items()))] = list(points)
    return found


def damage(path: Path, place: int) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


def set_meta(block: Path, **fields: object) -> None:
    """Change what a block says of itself."""
    path = block / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def weights_in(series: FetchedSeries) -> Sequence[tuple[int, int]]:
    """(count, since) of each sample."""
    weights = series.samples.weights
    assert weights is not None
    return list(zip(weights.counts.tolist(), weights.since.tolist(), strict=True))
