"""Bytes a sample on disk: real scrapes sent to Cupola, sealed, and the segments' files added up.

The synthetic series say nothing about size, because real ones are mostly slow or constant. So the
recorded scrapes of the shared test data are sent through remote write in the order of their time;
the head is small enough to be sealed once nearly all of them are there.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as parquet
from bodies import SAMPLE_BYTES, Corpus, load_corpus, sample_rows, series_prefix, write_corpus
from servers import Server

BODY_SAMPLES = 2_000
CORPUS_NAME = "scrapes-v1"
SEAL_TIMEOUT_S = 120.0
# The head is sealed from half its limit on: this part of the data is there when that happens.
SEALED_PART = 0.9


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What the sealed segments hold. files: bytes by file name."""

    segments: int
    samples: int
    series: int
    files: dict[str, int]

    @property
    def bytes_per_sample(self) -> float:
        return sum(self.files.values()) / self.samples


def scrapes_directory() -> Path | None:
    """Where the recorded scrapes are: CUPOLA_SHARED, or `shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    data = Path(os.environ.get("CUPOLA_SHARED", beside)) / "data"
    return data if (data / "scrapes.parquet").exists() else None


def build_scrapes(directory: Path, data: Path) -> Corpus:
    """The recorded scrapes as a corpus of one slice, in the order of time."""
    found = load_corpus(directory / f"{CORPUS_NAME}.json")
    if found:
        return found
    table = parquet.read_table(data / "scrapes.parquet").sort_by("ts")
    ids, timestamps, values = (table[name].to_numpy() for name in ("series_id", "ts", "value"))
    series = parquet.read_table(data / "series.parquet").to_pylist()
    prefixes = {
        row["series_id"]: series_prefix(sorted(json.loads(row["labels"]).items())) for row in series
    }

    def bodies() -> Iterator[bytes]:
        for start in range(0, len(ids), BODY_SAMPLES):
            part = slice(start, start + BODY_SAMPLES)
            tails = sample_rows(timestamps[part], values[part]).tobytes()
            yield b"".join(
                prefixes[number] + tails[i * SAMPLE_BYTES : (i + 1) * SAMPLE_BYTES]
                for i, number in enumerate(ids[part].tolist())
            )

    return write_corpus(
        directory / CORPUS_NAME,
        bodies(),
        slices=1,
        series=len(series),
        samples=len(ids),
        span_ms=(int(timestamps[0]), int(timestamps[-1])),
    )


def seal_flags(corpus: Corpus) -> tuple[str, ...]:
    """Flags under which Cupola keeps these scrapes, in one shard, and seals most of them."""
    head_samples = int(corpus.samples * SEALED_PART) * 2
    return (
        "--storage.retention=0",
        "--storage.shards=1",
        f"--storage.head.max-samples={head_samples}",
    )


def wait_sealed(server: Server, corpus: Corpus) -> DiskUse | None:
    """What the segments take once most samples are in them; None if that takes too long."""
    deadline = time.monotonic() + SEAL_TIMEOUT_S
    while time.monotonic() < deadline:
        use = disk_use(server.directory / "data")
        if use and use.samples >= corpus.samples * SEALED_PART / 2:
            return use
        time.sleep(0.2)
    return None


def disk_use(data: Path) -> DiskUse | None:
    """Add up the finished segments under a data directory; None if there are none."""
    found = [path for path in data.rglob("meta.json") if path.parent.suffix != ".tmp"]
    segments = [json.loads(path.read_text())["segment"] for path in found]
    if not segments:
        return None
    files: dict[str, int] = {}
    for path in found:
        for file in path.parent.iterdir():
            files[file.name] = files.get(file.name, 0) + file.stat().st_size
    samples, series = (sum(segment[key] for segment in segments) for key in ("samples", "series"))
    return DiskUse(len(found), samples, series, files)
