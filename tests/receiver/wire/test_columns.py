"""What both versions of remote write share in decoding: limits, errors, histograms in columns."""

from __future__ import annotations

import numpy as np
import pytest

from receiver.errors import CorruptBody, TooLarge
from receiver.settings.options import WriteOptions
from receiver.wire.columns import (
    REPLAY_LIMITS,
    DecodeLimits,
    Secrets,
    check_scanned,
    limits_of,
    replay_limits_of,
)
from receiver.wire.decoder import WriteDecoder
from receiver.wire.label_hash import LOW_POINT, PRIME
from receiver.wire.scan import SCANNED, TRUNCATED
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_2_SNAPPY, Batch
from storage.reasons import COUNT_MISMATCH, TOO_MANY_BUCKETS
from tests.makers.bodies.rich import (
    WireHistogram,
    WireSeries,
    batch_v1,
    batch_v2,
    body_v1,
    body_v2,
    compress,
)

SERIES = [
    WireSeries(
        {"__name__": "a"},
        [(1, 1.5), (2, 2.5)],
        [WireHistogram(timestamp=7, sum=9.0, start=4), WireHistogram(timestamp=8, count=3)],
    ),
    WireSeries({"__name__": "b"}, [], [WireHistogram(timestamp=6, sum=-1.0)], created=2),
    WireSeries({"__name__": "c"}, [(5, 3.5)]),
]


@pytest.mark.parametrize("batch_of", [batch_v1, batch_v2])
def test_histograms_stand_among_the_floats_of_their_series(batch_of) -> None:
    batch: Batch = batch_of(SERIES)
    assert batch.sample_offsets.tolist() == [0, 4, 5, 6]
    assert batch.timestamps.tolist() == [1, 2, 7, 8, 6, 5]
    assert batch.values.tolist() == [1.5, 2.5, 9.0, 0.0, -1.0, 3.5]
    natives = batch.natives
    assert natives is not None and natives.reasons is not None
    assert natives.rows.tolist() == [-1, -1, 0, 1, 2, -1]
    assert natives.reasons.tolist() == [0, COUNT_MISMATCH, 0]
    assert (batch.sample_count, len(natives.histograms)) == (6, 3)
    starts = None if batch.starts is None else batch.starts.tolist()
    assert starts == (None if batch_of is batch_v1 else [0, 0, 4, 0, 2, 0])


@pytest.mark.parametrize("encoding", ["snappy", "zstd"])
def test_encodings_make_no_difference(encoding: str) -> None:
    one, two = batch_v1(SERIES, encoding), batch_v2(SERIES, encoding)
    assert (
        one.timestamps.tolist() == two.timestamps.tolist() == batch_v1(SERIES).timestamps.tolist()
    )
    assert one.hash_low.tolist() == batch_v1(SERIES).hash_low.tolist()
    assert two.hash_low.tolist() == batch_v2(SERIES).hash_low.tolist() != one.hash_low.tolist()


def test_a_request_is_limited_in_both_versions() -> None:
    limits = DecodeLimits(1 << 20, 5, 3)
    decoder = WriteDecoder(limits)
    with pytest.raises(TooLarge, match=r"6 samples, .* 5 of each \(write.max-samples"):
        decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, compress(body_v1(SERIES)))
    with pytest.raises(TooLarge, match=r"5 symbols .* 3 \(write.max-symbols-per-request\)"):
        decoder.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2(SERIES)))
    decoder = WriteDecoder(DecodeLimits(1 << 20, 5))
    with pytest.raises(TooLarge, match=r"3 series, 6 samples, .* 5 of each"):
        decoder.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2(SERIES)))
    with pytest.raises(TooLarge, match="6 series, 0 samples"):
        decoder.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2([WireSeries({})] * 6)))


def test_the_log_is_read_whatever_a_request_may_hold_but_judged_by_the_same_rules() -> None:
    options = WriteOptions(
        decoded_bytes_max=10, request_samples_max=1, request_symbols_max=1, histogram_buckets_max=2,
        request_buckets_max=1,
    )  # fmt: skip
    wide = WireHistogram(count=3, positive_spans=[(0, 3)], positive=[1, 0, 0])
    payload = compress(body_v2([*SERIES, WireSeries({"__name__": "w"}, histograms=[wide])]))
    with pytest.raises(TooLarge):
        WriteDecoder(limits_of(options)).decode(KIND_REMOTE_WRITE_2_SNAPPY, payload)
    batch = WriteDecoder(replay_limits_of(options)).decode(KIND_REMOTE_WRITE_2_SNAPPY, payload)
    assert batch.natives is not None and batch.natives.reasons is not None
    assert batch.natives.reasons[3] == TOO_MANY_BUCKETS
    assert WriteDecoder(REPLAY_LIMITS).decode(KIND_REMOTE_WRITE_2_SNAPPY, payload).sample_count == 7


def test_results_of_kernels() -> None:
    assert check_scanned((np.int64(SCANNED), np.int64(7)), 10) == 7
    with pytest.raises(CorruptBody, match="at byte 7 of 10: the message ends inside a field"):
        check_scanned((np.int64(TRUNCATED), np.int64(7)), 10)


def test_who_has_the_same_seed_has_the_same_secrets() -> None:
    one, same, other, own = (Secrets(seed) for seed in (b"a" * 32, b"a" * 32, b"b" * 32, b""))
    for name in ("series_v1", "texts", "series_v2"):
        secret = getattr(one, name)
        assert secret.tolist() == getattr(same, name).tolist()
        for different in (getattr(other, name), getattr(own, name)):
            assert not set(secret.tolist()) & set(different.tolist())
        assert all(0 < point < int(PRIME) for point in secret[LOW_POINT:].tolist())
    assert not set(one.series_v1.tolist()) & set(one.series_v2.tolist())
