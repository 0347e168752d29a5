"""The metadata of remote write 2.0 bodies."""

from __future__ import annotations

import pytest

from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY, RawMetadata
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import WireSeries, body_v1, body_v2, compress, metadata_v1
from tests.twins.wire.v1 import message, tag

Told = tuple[int, str, str] | None


def read(told: list[tuple[str, Told]]) -> RawMetadata | None:
    series = [WireSeries({"__name__": name, "i": str(i)}, metadata=one)
              for i, (name, one) in enumerate(told)]  # fmt: skip
    return DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body_v2(series))).metadata


def entries(raw: RawMetadata | None) -> list[tuple[int, str, str, str]]:
    if raw is None:
        return []
    assert raw.named_by_series
    texts = raw.buffer.tobytes()
    found = []
    for kind, row in zip(raw.kinds.tolist(), raw.spans.tolist(), strict=True):
        name, about, unit = (texts[a:b].decode() for a, b in zip(row[::2], row[1::2], strict=True))
        found.append((kind, name, about, unit))
    return found


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("a", None)], []),
        ([("a", (0, "", ""))], []),
        ([("", (1, "h", "u"))], []),
        ([("a", (1, "", ""))], [(1, "a", "", "")]),
        ([("a", (0, "h", ""))], [(0, "a", "h", "")]),
        ([("a", (9, "", "u"))], [(0, "a", "", "u")]),
        ([("a", (1, "h", "")), ("a", (1, "h", "")), ("b", (1, "h", ""))],
         [(1, "a", "h", ""), (1, "b", "h", "")]),
        ([("a", (1, "h", "")), ("a", (2, "h", "")), ("a", (1, "h", ""))],
         [(1, "a", "h", ""), (2, "a", "h", ""), (1, "a", "h", "")]),
    ],
)  # fmt: skip
def test_entries(told: list[tuple[str, Told]], expected: list[tuple[int, str, str, str]]) -> None:
    assert entries(read(told)) == expected


def test_entries_hash_alike_in_both_versions() -> None:
    told = [("a", (1, "h", "u")), ("b", (2, "", "")), ("a", (2, "h", "u"))]
    two = read([(name, one) for name, one in told])
    one = DECODER.decode(1, compress(body_v1([], [metadata_v1(n, *t) for n, t in told]))).metadata
    assert one is not None and two is not None
    assert one.hash_low.tolist() == two.hash_low.tolist()
    assert one.hash_high.tolist() == two.hash_high.tolist()
    assert len({*one.hash_low.tolist()}) == 3


@pytest.mark.parametrize("damaged", [tag(1, 0), tag(3, 2) + b"\x00", tag(4, 0) + b"\xff"])
def test_damaged_metadata_refuses_the_request(damaged: bytes) -> None:
    body = body_v2([WireSeries({"__name__": "a"}, extra=message(5, damaged))])
    with pytest.raises(ValueError, match="corrupt body at byte"):
        DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body))
