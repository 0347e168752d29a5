"""The prepared bodies are what a Prometheus would send."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import snappy
from bodies import (
    CORPUS_AGE_MAX_MS,
    REPLICA_OFFSET_MS,
    TIMESTAMP_MAX_MS,
    Shape,
    build_corpus,
    load_corpus,
    sample_rows,
    series_labels,
    varint,
    write_corpus,
)

from tests.makers.bodies.v1 import fields_of

SHAPE = Shape(series=130, scrapes=3, body_samples=50)


def samples_of(body: bytes) -> Iterator[tuple[dict[str, str], float, int]]:
    for _, series in fields_of(body):
        parts = list(fields_of(series))
        pairs = [dict(fields_of(data)) for number, data in parts if number == 1]
        (sample,) = [dict(fields_of(data)) for number, data in parts if number == 2]
        labels = {pair[1].decode(): pair[2].decode() for pair in pairs}
        yield labels, struct.unpack("<d", sample[1])[0], sample[2]


@pytest.mark.parametrize(
    ("number", "wire"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")]
)
def test_varint(number: int, wire: bytes) -> None:
    assert varint(number) == wire


def test_corpus_holds_every_series_at_every_scrape(tmp_path: Path) -> None:
    corpus = build_corpus(tmp_path, SHAPE)
    data = Path(corpus.path).read_bytes()
    seen: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for i in range(len(corpus.offsets) - 1):
        body = snappy.decompress(data[corpus.offsets[i] : corpus.offsets[i + 1]])
        for j, (labels, value, at) in enumerate(samples_of(body)):
            number = i % corpus.slices * SHAPE.body_samples + j
            assert list(labels.items()) == series_labels(number)
            seen.setdefault((i % corpus.slices, j), []).append((at, value))
    assert len(seen) == SHAPE.series == corpus.series
    for points in seen.values():
        assert [at for at, _ in points] == [
            corpus.first_ms,
            corpus.first_ms + 15_000,
            corpus.last_ms,
        ]
        assert [value for _, value in points] == sorted(value for _, value in points)


def test_labels_are_sorted_and_unlike() -> None:
    everything = [series_labels(number) for number in range(300)]
    assert all(labels == sorted(labels) and len(labels) == 11 for labels in everything)
    assert len({tuple(labels) for labels in everything}) == 300


def test_timestamps_that_need_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="six varint bytes"):
        sample_rows(np.array([TIMESTAMP_MAX_MS + 1]), np.array([1.0]))


def test_a_recent_corpus_is_used_again(tmp_path: Path) -> None:
    first = build_corpus(tmp_path, SHAPE)
    written = Path(first.path).stat().st_mtime_ns
    assert build_corpus(tmp_path, SHAPE) == first
    assert Path(first.path).stat().st_mtime_ns == written


def test_an_old_corpus_is_built_again(tmp_path: Path) -> None:
    first = build_corpus(tmp_path, SHAPE)
    age_ms = CORPUS_AGE_MAX_MS + 60_000
    old = replace(first, first_ms=first.first_ms - age_ms, last_ms=first.last_ms - age_ms)
    index = Path(first.path).with_suffix(".json")
    index.write_text(index.read_text().replace(str(first.last_ms), str(old.last_ms)))
    assert build_corpus(tmp_path, SHAPE).last_ms >= first.last_ms


def test_a_corpus_without_its_data_is_none(tmp_path: Path) -> None:
    span_ms = (1, 2)
    corpus = write_corpus(tmp_path / "x", [b"abc"], slices=1, series=1, samples=1, span_ms=span_ms)
    assert load_corpus(tmp_path / "x.json") == corpus
    Path(corpus.path).write_bytes(b"")
    assert load_corpus(tmp_path / "x.json") is None
    assert load_corpus(tmp_path / "y.json") is None


def test_replicas_send_the_same_values_at_other_times(tmp_path: Path) -> None:
    corpus = build_corpus(tmp_path, replace(SHAPE, replicas=2))
    assert corpus.series == 260
    assert corpus.samples == 780
    data = Path(corpus.path).read_bytes()
    spans = zip(corpus.offsets, corpus.offsets[1:], strict=False)
    bodies = [snappy.decompress(data[start:end]) for start, end in spans]
    sent: dict[str, dict[int, list[float]]] = {"replica-0": {}, "replica-1": {}}
    for body in bodies:
        for labels, value, t in samples_of(bytes(body)):
            sent[labels["__replica__"]].setdefault(t, []).append(value)
    first, second = sent["replica-0"], sent["replica-1"]
    assert [t - REPLICA_OFFSET_MS for t in first] == list(second)
    assert list(first.values()) == list(second.values())
    assert corpus.first_ms == min(second)
