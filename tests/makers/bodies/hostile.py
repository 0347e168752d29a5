"""Write requests that nobody should send: made by hand, and real bodies after random edits.

A case is what is on the wire, and what may be answered to it. Nothing here depends on what the
receiver does today: only on what the protocol and the limits allow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cramjam
import snappy

from tests.makers.bodies.rich import (
    WireHistogram,
    WireSeries,
    body_v1,
    body_v2,
    compress,
    encode_sample,
    labels_v1,
    metadata_v1,
)
from tests.twins.wire.v1 import encode_varint, message, tag

TYPE_1 = "application/x-protobuf"
TYPE_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
REFUSED = (400,)
TOO_LARGE = (413,)
TAKEN = (204,)
TAKEN_OR_REFUSED = (204, 400)
MIB = 1 << 20
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
# The limits that the corpus is about; the program under test has them as its defaults.
DECODED_BYTES_MAX = 32 * MIB
NAN_BITS = (
    0x7FF0000000000001,
    0x7FF0000000000002,
    0x7FF8000000000001,
    0xFFFFFFFFFFFFFFFF,
    0x7FF0000000000000,
    0xFFF0000000000000,
    0x8000000000000000,
    1,
)
ODD_NUMBERS = tuple(struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in NAN_BITS)
ODD_TIMES = (0, 1, -1, INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, 1 << 53, -(1 << 53))


@dataclass(frozen=True)
class Case:
    """A request and the statuses that may answer it. body: as it is sent."""

    name: str
    body: bytes
    statuses: tuple[int, ...]
    type: str = TYPE_1
    encoding: str = "snappy"

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.type, "Content-Encoding": self.encoding}


def raw_v1(name: str, raw: bytes, statuses: tuple[int, ...] = REFUSED) -> Case:
    return Case(f"1: {name}", compress(raw), statuses)


def raw_v2(name: str, raw: bytes, statuses: tuple[int, ...] = REFUSED) -> Case:
    return Case(f"2: {name}", compress(raw), statuses, TYPE_2)


def symbols(*texts: str | bytes) -> bytes:
    encoded = (text.encode() if isinstance(text, str) else text for text in texts)
    return b"".join(message(4, text) for text in encoded)


def references(*numbers: int) -> bytes:
    return message(1, b"".join(map(encode_varint, numbers)))


def series_v2(*fields: bytes) -> bytes:
    return message(5, b"".join(fields))


SAMPLE = (1_000, 1.0)
UP = {"__name__": "up"}
HISTOGRAM = WireHistogram(
    timestamp=1_000,
    count=6,
    sum=7.5,
    schema=1,
    zero_threshold=0.001,
    zero_count=1,
    negative_spans=((-2, 1), (3, 1)),
    negative=(1, 0),
    positive_spans=((0, 2),),
    positive=(1, 1),
)
FLOAT_HISTOGRAM = replace(
    HISTOGRAM, count=5.5, zero_count=0.5, negative=(1.0, 1.0), positive=(1.5, 1.5), is_float=True
)
CUSTOM_HISTOGRAM = WireHistogram(
    timestamp=1_000,
    count=3,
    sum=2.0,
    schema=-53,
    positive_spans=((0, 2),),
    positive=(1, 1),
    custom_values=(0.5, 1.5),
)
RICH = (
    WireSeries(
        {"__name__": "requests_total", "job": "a", "instance": "b:1"},
        [(1_000, 1.0), (2_000, 2.0)],
        exemplars=[({"trace_id": "abc"}, 0.5, 1_000)],
        metadata=(1, "Requests.", "s"),
    ),
    WireSeries({"__name__": "latency"}, histograms=[HISTOGRAM], metadata=(3, "Latency.", "s")),
    WireSeries({"__name__": "latency", "f": "1"}, histograms=[FLOAT_HISTOGRAM]),
    WireSeries({"__name__": "latency", "c": "1"}, histograms=[CUSTOM_HISTOGRAM]),
    WireSeries({"__name__": "only_exemplars"}, exemplars=[({"trace_id": "d"}, 1.5, 1_000)]),
)
RICH_V1 = body_v1(RICH, [metadata_v1("requests_total", 1, "Requests.", "s")])
RICH_V2 = body_v2(RICH)
PLAIN_V1 = body_v1([WireSeries({"__name__": "m", "k": str(k)}, [SAMPLE]) for k in range(20)])
PLAIN_V2 = body_v2([WireSeries({"__name__": "m", "k": str(k)}, [SAMPLE]) for k in range(20)])
SEEDS = {TYPE_1: (RICH_V1, PLAIN_V1), TYPE_2: (RICH_V2, PLAIN_V2)}


def snappy_literals(raw: bytes, declared: int) -> bytes:
    """A snappy block that declares any length and holds `raw` (up to 2^16 bytes) as it is."""
    return encode_varint(declared) + b"\xf4" + struct.pack("<H", len(raw) - 1) + raw


def compression_cases() -> Iterator[Case]:
    """Bodies that unpack to much, to nothing, or to something else than they say."""
    bomb = snappy.compress(bytes(DECODED_BYTES_MAX))
    yield Case("snappy bomb as large as allowed", bomb, REFUSED)
    larger = snappy.compress(bytes(DECODED_BYTES_MAX + 1))
    yield Case("snappy bomb, one byte larger", larger, TOO_LARGE)
    for bits in (31, 32):
        body = snappy_literals(RICH_V1, (1 << bits) - 1)
        yield Case(f"snappy length of 2^{bits} - 1", body, TOO_LARGE)
    for bits in (32, 63):
        yield Case(f"snappy length of 2^{bits}", snappy_literals(RICH_V1, 1 << bits), REFUSED)
    yield Case("snappy length, and nothing else", encode_varint(DECODED_BYTES_MAX), REFUSED)
    yield Case("snappy length one too small", snappy_literals(RICH_V1, len(RICH_V1) - 1), REFUSED)
    yield Case("snappy length one too large", snappy_literals(RICH_V1, len(RICH_V1) + 1), REFUSED)
    # A copy of 64 bytes from far before the beginning.
    yield Case("snappy copy from before the block", b"\x40\x00a\xfe\xff\xff", REFUSED)
    yield Case("no body", b"", REFUSED)
    yield Case("only continuation bits", b"\xff" * 4096, REFUSED)
    yield Case("an unfinished length", b"\xff", REFUSED)
    yield Case("framed snappy", bytes(cramjam.snappy.compress(RICH_V1)), REFUSED)
    yield from zstd_cases()


def zstd_cases() -> Iterator[Case]:
    def case(name: str, body: bytes, statuses: tuple[int, ...]) -> Case:
        return Case(f"zstd: {name}", body, statuses, encoding="zstd")

    block = bytes(cramjam.zstd.compress(bytes(DECODED_BYTES_MAX + 1)))
    yield case("bomb that says its size", block, TOO_LARGE)
    # 300 blocks of 128 KiB that are one repeated byte each: 40 MB of 1.2 KB, with no size told.
    run = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\0"
    last = struct.pack("<I", (128 << 10) << 3 | 1 << 1 | 1)[:3] + b"\0"
    header = b"\x28\xb5\x2f\xfd\x00\x58"
    yield case("bomb that tells no size", header + run * 300 + last, TOO_LARGE)
    yield case("runs of zeros", header + run * 10 + last, REFUSED)
    yield case("content size of 2^64 - 1", b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8, TOO_LARGE)
    yield case("content size, and nothing else", b"\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x01", REFUSED)
    yield case("window of 2^41 bytes", b"\x28\xb5\x2f\xfd\x00\xff" + last, REFUSED)
    yield case("cut header", b"\x28\xb5\x2f\xfd", REFUSED)
    yield case("two frames", bytes(cramjam.zstd.compress(RICH_V1)) * 2, REFUSED)
    yield case("a frame to be skipped", b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", REFUSED)
    yield case("snappy", compress(RICH_V1), REFUSED)


def label_cases() -> Iterator[Case]:
    """Labels that are too many, too long, or no labels."""
    for count in (100_000, 1_000_000):
        # Each label: 1 to 6 digits with zeros before them, and one byte as value.
        names = (b"\x0a\x0b\x0a\x06%06d\x12\x01v" % k for k in range(count))
        labels = labels_v1({"__name__": "bomb"}) + b"".join(names)
        yield raw_v1(f"{count} labels", message(1, labels + encode_sample(2, SAMPLE)))
        numbers = message(1, b"\x01\x02" * count)
        yield raw_v2(
            f"{count} labels",
            symbols("", "__name__", "a") + series_v2(numbers, encode_sample(2, SAMPLE)),
        )
    long = "x" * MIB
    bad: tuple[tuple[str, Sequence[tuple[str, str]]], ...] = (
        ("value of 1 MB", [("__name__", "up"), ("a", long)]),
        ("name of 1 MB", [("__name__", "up"), (long, "a")]),
        ("metric name of 1 MB", [("__name__", long)]),
        ("no labels", []),
        ("empty metric name", [("__name__", "")]),
        ("no metric name", [("a", "b")]),
        ("empty label name", [("__name__", "up"), ("", "b")]),
        ("a name twice", [("__name__", "up"), ("a", "b"), ("a", "c")]),
        ("metric name twice", [("__name__", "up"), ("__name__", "down")]),
    )
    for name, pairs in bad:
        one = [WireSeries(pairs, [SAMPLE])]
        yield raw_v1(name, body_v1(one))
        yield raw_v2(name, body_v2(one))
    for name, text in (
        ("lone surrogate", b"\xed\xa0\x80"),
        ("overlong", b"\xc0\x80"),
        ("ff", b"\xff"),
    ):
        pair = message(1, b"a") + message(2, text)
        labels = labels_v1(UP) + message(1, pair)
        yield raw_v1(f"no UTF-8: {name}", message(1, labels + encode_sample(2, SAMPLE)))
        table = symbols("", "__name__", "up", "a", text)
        yield raw_v2(
            f"no UTF-8: {name}",
            table + series_v2(references(1, 2, 3, 4), encode_sample(2, SAMPLE)),
        )
    odd = {"__name__": "up", "a": "\0", "\n": "\ufffd", "𝄞": "\U0010ffff"}
    yield raw_v1("odd but sound labels", body_v1([WireSeries(odd, [SAMPLE])]), TAKEN)
    yield raw_v2("odd but sound labels", body_v2([WireSeries(odd, [SAMPLE])]), TAKEN)


def length_cases() -> Iterator[Case]:
    """Lengths and varints that no body has, in every message."""
    lengths = {
        "2^31 - 1": (1 << 31) - 1,
        "2^31": 1 << 31,
        "2^32": 1 << 32,
        "2^63 - 1": (1 << 63) - 1,
        "2^63": 1 << 63,
        "2^64 - 1": (1 << 64) - 1,
    }
    label = tag(1, 2)
    for name, length in lengths.items():
        size = encode_varint(length)
        for place, raw in (
            ("series", tag(1, 2) + size),
            ("label", message(1, label + size + b"abc")),
            ("label name", message(1, message(1, label + size + b"a"))),
            ("sample", message(1, labels_v1(UP) + tag(2, 2) + size + b"\x09")),
            ("exemplar", message(1, labels_v1(UP) + tag(3, 2) + size)),
            ("histogram", message(1, labels_v1(UP) + tag(4, 2) + size)),
            ("spans", message(1, labels_v1(UP) + message(4, tag(11, 2) + size))),
            ("metadata", tag(3, 2) + size),
            ("unknown field", tag(99, 2) + size),
        ):
            yield raw_v1(f"{place} of {name} bytes", raw)
        for place, raw in (
            ("symbol", tag(4, 2) + size),
            ("series", symbols("") + tag(5, 2) + size),
            ("references", symbols("") + series_v2(tag(1, 2) + size)),
            ("sample", symbols("") + series_v2(tag(2, 2) + size)),
            ("exemplar", symbols("") + series_v2(message(4, tag(1, 2) + size))),
            ("metadata", symbols("") + series_v2(tag(5, 2) + size)),
        ):
            yield raw_v2(f"{place} of {name} bytes", raw)
    for k in range(1, len(RICH_V1)):
        yield raw_v1(f"cut at {k} of {len(RICH_V1)}", RICH_V1[:k], TAKEN_OR_REFUSED)
    for k in range(1, len(RICH_V2)):
        yield raw_v2(f"cut at {k} of {len(RICH_V2)}", RICH_V2[:k], TAKEN_OR_REFUSED)


def wire_cases() -> Iterator[Case]:
    """Tags, types and groups that are not those of the messages."""
    for make, seed in ((raw_v1, RICH_V1), (raw_v2, RICH_V2)):
        yield make("varint of 11 bytes", b"\xff" * 10 + b"\x01")
        yield make("tag 0", b"\0" + seed)
        yield make("zeros", bytes(100_000))
        yield make("field number 2^29", encode_varint(1 << 32) + seed)
        yield make("deep groups", b"\x5b" * 1_000_000 + b"\x5c" * 1_000_000)
        yield make("groups without end", b"\x5b" * 1_000_000)
        yield make("end of a group", b"\x5c" + seed)
        yield make("deep unknown messages", nested(200), TAKEN)
        for number in range(1, 20):
            for wire_type in (0, 1, 3, 4, 5, 6, 7):
                content = tag(number, wire_type) + bytes(8)
                yield make(f"field {number} of type {wire_type}", content, TAKEN_OR_REFUSED)
                for outer in (1, 3, 5):
                    for inner in (1, 2, 3, 4, 5, 8, 11):
                        raw = message(outer, message(inner, content))
                        name = f"field {outer}.{inner}.{number} of type {wire_type}"
                        if wire_type < 3 or number % 4 == 1:
                            yield make(name, raw, TAKEN_OR_REFUSED)
    many = 1_100_000
    yield raw_v1("a million empty series", message(1, b"") * many, TOO_LARGE)
    yield raw_v1("a million samples", message(1, message(2, b"") * many), TOO_LARGE)
    yield raw_v1("a million histograms", message(1, message(4, b"") * many), TOO_LARGE)
    yield raw_v1(
        "a million exemplars", message(1, labels_v1(UP) + message(3, b"") * many), TOO_LARGE
    )
    yield raw_v1("a million metadata entries", message(3, b"") * many, TOO_LARGE)
    yield raw_v2("a million symbols", message(4, b"") * many, TOO_LARGE)
    yield raw_v2("a million empty series", symbols("") + message(5, b"") * many, TOO_LARGE)
    yield raw_v2("a million samples", symbols("") + series_v2(message(2, b"") * many), TOO_LARGE)
    yield raw_v2("a million exemplars", symbols("") + series_v2(message(4, b"") * many), TOO_LARGE)
    # A series has one entry of metadata; the last one counts.
    entries = message(5, b"\x08\x01") * many
    yield raw_v2("a million metadata entries", symbols("") + series_v2(entries))


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = message(99, content)
    return content


def reference_cases() -> Iterator[Case]:
    """Symbols that are not there, and references that come in the wrong number."""
    table = symbols("", "__name__", "up", "a", "b")
    point = encode_sample(2, SAMPLE)
    for number in (5, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1):
        yield raw_v2(
            f"reference {number} as name", table + series_v2(references(1, 2, number, 4), point)
        )
        yield raw_v2(
            f"reference {number} as value", table + series_v2(references(1, 2, 3, number), point)
        )
        exemplar = message(4, references(3, number))
        yield raw_v2(
            f"reference {number} of an exemplar",
            table + series_v2(references(1, 2), point, exemplar),
        )
        for field in (3, 4):
            told = message(5, tag(field, 0) + encode_varint(number))
            raw = table + series_v2(references(1, 2), point, told)
            yield raw_v2(f"reference {number} in field {field} of metadata", raw, TAKEN_OR_REFUSED)
    yield raw_v2("odd references", table + series_v2(references(1, 2, 3), point))
    yield raw_v2("one reference", table + series_v2(references(1), point))
    yield raw_v2("no references", table + series_v2(point))
    yield raw_v2("no symbols", series_v2(references(1, 2), point))
    yield raw_v2(
        "first symbol not empty",
        symbols("__name__", "up") + series_v2(references(0, 1), point),
        TAKEN_OR_REFUSED,
    )
    yield raw_v2(
        "symbols behind series",
        series_v2(references(1, 2), point) + symbols("", "__name__", "up"),
        TAKEN_OR_REFUSED,
    )
    yield raw_v2("symbols and no series", table, TAKEN)
    yield raw_v2(
        "an exemplar that names a long text often",
        symbols("", "__name__", "up", "x" * MIB)
        + series_v2(references(1, 2), point, message(4, references(*([3] * 100_000)))),
        TAKEN_OR_REFUSED,
    )
