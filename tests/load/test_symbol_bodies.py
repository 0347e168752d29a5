"""Remote write 2.0 bodies say the same as those of 1.0."""

from pathlib import Path

import numpy as np
from bodies import CPU_COUNTERS, Corpus, Kind, Shape, build_corpus
from symbol_bodies import CONTENT_TYPE, SYMBOL_CPU_COUNTERS

from receiver.wire.decoder import WriteDecoder, kind_of_body
from storage.batch import Batch
from storage.options import StorageOptions
from storage.series.table import SeriesTable
from tests.makers.tables import labelset_of

SHAPE = Shape(series=70, scrapes=3, body_samples=50)


def decoded(corpus: Corpus, kind: int) -> list[tuple[dict[str, str], float, int]]:
    """Labels, value and timestamp of every sample, in order."""
    table = SeriesTable(StorageOptions(series_max=1_000, symbol_bytes_max=1 << 16))
    data, decoder, found = Path(corpus.path).read_bytes(), WriteDecoder(), []
    for start, end in zip(corpus.offsets, corpus.offsets[1:], strict=False):
        batch: Batch = decoder.decode(kind, data[start:end])
        refs = table.resolve(batch, 1)
        for i, ref in enumerate(refs.tolist()):
            for k in range(int(batch.sample_offsets[i]), int(batch.sample_offsets[i + 1])):
                sample = float(batch.values[k]), int(batch.timestamps[k])
                found.append((labelset_of(table, ref), *sample))
        batch.release()
    return found


def test_both_versions_hold_the_same_samples(tmp_path: Path) -> None:
    def samples(kind: Kind, content_type: str) -> list[tuple[dict[str, str], float, int]]:
        corpus = build_corpus(tmp_path, SHAPE, kind, last_ms=1_700_000_010_000)
        return decoded(corpus, kind_of_body(content_type, "snappy"))

    first = samples(CPU_COUNTERS, "application/x-protobuf")
    assert len(first) == SHAPE.samples
    assert first == samples(SYMBOL_CPU_COUNTERS, CONTENT_TYPE)
    assert np.unique([at for _, _, at in first]).size == SHAPE.scrapes
