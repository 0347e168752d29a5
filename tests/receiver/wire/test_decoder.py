"""Headers to kinds of body, and bodies to batches."""

import numpy as np
import pytest
import snappy

from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia
from receiver.settings.options import WriteOptions
from receiver.wire.columns import DecodeLimits, limits_of
from receiver.wire.decoder import WriteDecoder, kind_of_body, version_of_kind
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_1_ZSTD, Batch
from storage.kernels.stale import STALE_NAN_BITS
from tests.shared import SHARED
from tests.twins.wire import v1 as naive_wire
from tests.twins.wire.v1 import message, series

BODIES_DIRECTORY = SHARED / "facts" / "bodies"
DECODER = WriteDecoder()


def compressed(data: bytes) -> bytes:
    return snappy.compress(data)


def decoded(data: bytes, decoder: WriteDecoder = DECODER) -> Batch:
    return decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, compressed(data))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/x-protobuf",
        " application/x-protobuf ",
        "Application/X-Protobuf",
        "application/x-protobuf;proto=prometheus.WriteRequest",
        "application/x-protobuf ; proto=prometheus.WriteRequest",
        'application/x-protobuf; charset=utf-8; proto="prometheus.WriteRequest"',
        "application/x-protobuf; charset=utf-8",
    ],
)
@pytest.mark.parametrize("encoding", [None, "snappy", " Snappy", ""])
def test_headers_of_remote_write_1(content_type: str | None, encoding: str | None) -> None:
    assert kind_of_body(content_type, encoding) == KIND_REMOTE_WRITE_1_SNAPPY


@pytest.mark.parametrize(
    ("content_type", "encoding", "text"),
    [
        ("application/json", None, "'application/json'; allowed is application/x-protobuf"),
        ("image/png", "snappy", "Content-Type 'image/png'"),
        (";", None, "Content-Type ''"),
        ("application/x-protobuf;proto", None, "'proto' without a value"),
        ("application/x-protobuf;", None, "'' without a value"),
        ("application/x-protobuf;proto=prometheus.Other", None, "'prometheus.Other'"),
        (None, "gzip", "Content-Encoding 'gzip'; allowed are snappy (block format) and zstd"),
        (None, "snappy, gzip", "'snappy, gzip'"),
        ("x" * 1000, None, "xxx..."),
    ],
)
def test_headers_of_anything_else(content_type: str, encoding: str, text: str) -> None:
    with pytest.raises(UnsupportedMedia, match="(?s).") as caught:
        kind_of_body(content_type, encoding)
    assert text in str(caught.value)
    assert caught.value.status == 415
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("content_type", "encoding", "version", "kind"),
    [
        (None, "zstd", 1, KIND_REMOTE_WRITE_1_ZSTD),
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", None, 2, 3),
        ("application/x-protobuf; proto=io.prometheus.write.v2.Request", "snappy", 2, 3),
        ('application/x-protobuf;q=1;proto="io.prometheus.write.v2.Request"', " ZSTD ", 2, 4),
    ],
)
def test_headers_of_other_forms(
    content_type: str | None, encoding: str | None, version: int, kind: int
) -> None:
    assert kind_of_body(content_type, encoding) == kind
    assert version_of_kind(kind) == version


def test_a_batch_has_the_columns_of_the_body() -> None:
    one, two = [(b"__name__", b"up")], [(b"__name__", b"up"), (b"job", b"x")]
    data = series(one, [(1, STALE_NAN_BITS), (-5, 7)]) + series(two, [(9, 1)], message(3, b""))
    batch = decoded(data + message(3, b"") + series(one, []))
    assert (batch.series_count, batch.sample_count) == (3, 3)
    assert batch.sample_offsets.tolist() == [0, 2, 3, 3]
    assert batch.timestamps.tolist() == [1, -5, 9]
    assert batch.values.view(np.uint64).tolist() == [STALE_NAN_BITS, 7, 1]
    assert batch.exemplars is not None and batch.exemplars.series.tolist() == [1]
    assert batch.metadata is None  # of the family without a name
    assert (batch.natives, batch.starts) == (None, None)
    assert bytes(batch.buffer[batch.label_start[0] : batch.label_end[0]]) == naive_wire.label(
        *one[0]
    )
    keys = list(zip(batch.hash_low.tolist(), batch.hash_high.tolist(), strict=True))
    assert keys[0] == keys[2] != keys[1]
    assert batch.payload == compressed(data + message(3, b"") + series(one, []))
    batch.release()


def test_a_request_without_series_is_an_empty_batch() -> None:
    batch = decoded(b"")
    assert (batch.series_count, batch.sample_count, len(batch.buffer)) == (0, 0, 0)
    batch.release()


def test_columns_grow_to_the_request_and_stay_right() -> None:
    decoder = WriteDecoder()
    # Each size is one that an array has just reached or just not.
    for count in (3, 1023, 1024, 1025, 5_000, 8_192, 8_193, 100):
        data = b"".join(series([(b"n", b"%d" % i)], [(i, i), (-i, i)]) for i in range(count))
        batch = decoded(data, decoder)
        assert batch.series_count == count
        assert batch.timestamps.tolist() == [s * i for i in range(count) for s in (1, -1)]
        assert batch.sample_offsets.tolist() == list(range(0, 2 * count + 1, 2))
        assert len({*batch.hash_low.tolist()}) == count
        batch.release()


def test_one_series_with_many_samples() -> None:
    batch = decoded(series([(b"a", b"b")], [(i, i) for i in range(50_000)]))
    assert batch.timestamps.tolist() == list(range(50_000))
    batch.release()


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"\x05", "corrupt body"),
        (b"\xff" * 20, "no snappy length"),
        (compressed(b"x" * 100)[:-1], "corrupt body: snappy"),
        (compressed(b"\x0a\x05ab"), "corrupt body at byte 0 of 4: a length goes beyond"),
        (compressed(message(1, b"\x0a\x05ab")), "corrupt body at byte 2 of 6"),
        (b"{}", "corrupt body"),
    ],
)
def test_a_corrupt_body_is_refused_by_name_of_the_fault(payload: bytes, text: str) -> None:
    with pytest.raises(CorruptBody) as caught:
        DECODER.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
    assert text in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_corrupt_body_gives_its_buffers_back() -> None:
    decoder = WriteDecoder()
    decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, compressed(b"")).release()
    kept = decoder.kept_bytes
    assert kept > 0
    with pytest.raises(CorruptBody):
        decoded(b"\x0a", decoder)
    assert decoder.kept_bytes == kept


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(CorruptBody, match="unknown kind of body 99"):
        DECODER.decode(99, compressed(b""))


def test_the_declared_length_is_checked_before_anything_is_uncompressed() -> None:
    decoder = WriteDecoder(DecodeLimits(decoded_bytes_max=100, samples_max=10))
    with pytest.raises(TooLarge, match=r"4294967295 bytes .* 100 \(write.max-decoded-bytes\)"):
        decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, b"\xff\xff\xff\xff\x0f")
    assert decoder.kept_bytes == 0


@pytest.mark.parametrize(
    "data",
    [
        series([], [(i, i) for i in range(11)]),
        series([], []) * 11,
        series([], [(1, 1)]) * 11,
        series([], [], extra=message(3, b"") * 11),
        message(3, message(2, b"x")) * 11,
    ],
)
def test_too_much_in_one_request_is_refused_but_readable_from_the_log(data: bytes) -> None:
    limited = DECODER.with_limits(DecodeLimits(decoded_bytes_max=1 << 20, samples_max=10))
    with pytest.raises(TooLarge, match="write.max-samples-per-request"):
        decoded(data, limited)
    batch = decoded(data)
    counts = [batch.series_count, batch.sample_count]
    counts += [len(part) for part in (batch.exemplars, batch.metadata) if part is not None]
    assert max(counts) == 11
    batch.release()


def test_decoders_with_other_limits_hash_alike() -> None:
    data = series([(b"a", b"b")], [(1, 1)])
    one, two = decoded(data), decoded(data, DECODER.with_limits(limits_of(WriteOptions())))
    assert one.hash_low.tolist() == two.hash_low.tolist()
    assert one.hash_low.tolist() != decoded(data, WriteDecoder()).hash_low.tolist()


def test_a_batch_keeps_its_columns_until_it_is_released() -> None:
    decoder = WriteDecoder()
    first = decoded(series([(b"a", b"b")], [(1, 1)]), decoder)
    second = decoded(series([(b"a", b"c")], [(2, 2)]), decoder)
    assert first.timestamps.tolist() == [1]
    first.release()
    first.release()
    third = decoded(series([(b"a", b"d")], [(3, 3)]), decoder)
    fourth = decoded(series([(b"a", b"e")], [(4, 4)]), decoder)
    batches = (second, third, fourth)
    assert [batch.timestamps.tolist() for batch in batches] == [[2], [3], [4]]


def test_real_bodies_are_decoded() -> None:
    bodies = sorted(BODIES_DIRECTORY.glob("rw1-*.bin"))
    if not bodies:
        pytest.skip(f"no bodies in {BODIES_DIRECTORY}; set CUPOLA_SHARED")
    for path in bodies:
        payload = path.read_bytes()
        batch = DECODER.decode(kind_of_body("application/x-protobuf", "snappy"), payload)
        twin = naive_wire.scan(snappy.decompress(payload))
        labels = [bytes(batch.buffer[start:end]) for start, end, _ in twin.series]
        keys = list(zip(batch.hash_low.tolist(), batch.hash_high.tolist(), strict=True))
        assert len(set(zip(labels, keys, strict=True))) == len(set(labels)) == len(set(keys))
        assert batch.sample_count == sum(len(samples) for _, _, samples in twin.series)
        batch.release()
