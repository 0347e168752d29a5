"""The exemplars of remote write 2.0 bodies: Label messages of symbols, and their limits."""

from __future__ import annotations

import numpy as np
import pytest

from receiver.wire.v2.exemplars import label_size
from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY
from storage.reasons import BAD_REFERENCE, EXEMPLAR_TOO_LONG, OK
from tests.makers.batches import DECODER
from tests.makers.bodies.rich import WireSeries, batch_v1, batch_v2, body_v2, compress
from tests.twins.wire.v1 import encode_varint, label, message


def test_labels_are_those_of_remote_write_1() -> None:
    labels = [{}, {"trace_id": "x" * 200}, {"a": "", "b": "\u03c0" * 20}, {"trace_id": "abc"}]
    series = [
        WireSeries({"__name__": "a"}, exemplars=[(own, 1.0, k) for k, own in enumerate(labels)]),
        WireSeries({"__name__": "b"}, exemplars=[(labels[3], 2.0, 9)]),
    ]
    one, two = batch_v1(series).exemplars, batch_v2(series).exemplars
    assert one is not None and two is not None and two.reasons is None
    texts = [
        [bytes(raw.buffer[a:b]) for a, b in zip(raw.label_start, raw.label_end, strict=True)]
        for raw in (one, two)
    ]
    assert texts[0] == texts[1]
    assert one.series.tolist() == two.series.tolist() == [0, 0, 0, 0, 1]
    assert one.timestamps.tolist() == two.timestamps.tolist() == [0, 1, 2, 3, 9]
    assert one.values.tolist() == two.values.tolist()


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ([1, 2], OK),
        ([1], BAD_REFERENCE),
        ([1, 99], BAD_REFERENCE),
        ([1, 3], OK),  # 1 + 500 bytes
        ([1, 3, 4, 2], EXEMPLAR_TOO_LONG),
        ([1, 3, 4, 99], BAD_REFERENCE),
        ([0] * 256, OK),
        ([0] * 258, EXEMPLAR_TOO_LONG),
        ([3] * 100_000, EXEMPLAR_TOO_LONG),
    ],
)
def test_what_is_wrong_with_labels(references: list[int], reason: int) -> None:
    texts = (b"", b"a", b"b", b"x" * 500, b"y" * 12)
    numbers = message(1, b"".join(encode_varint(number) for number in references))
    body = b"".join(message(4, text) for text in texts) + message(5, message(4, numbers))
    raw = DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(body)).exemplars
    assert raw is not None
    reasons = np.zeros(1, np.int8) if raw.reasons is None else raw.reasons
    assert reasons.tolist() == [reason]
    if reason:
        assert len(raw.buffer) == 0


@pytest.mark.parametrize("name", [0, 1, 127, 128])
@pytest.mark.parametrize("value", [0, 1, 119, 125, 126, 127, 128, 384])
def test_sizes_of_labels(name: int, value: int) -> None:
    field = label(b"n" * name, b"v" * value)
    content, size = label_size(name, value)
    assert (size, field) == (len(field), message(1, field[-content:]))


def test_an_exemplar_that_is_damaged_refuses_the_request() -> None:
    body = bytearray(body_v2([WireSeries({}, exemplars=[({}, 1.0, 3)])]))
    body[-1] = 0x80
    with pytest.raises(ValueError, match="the message ends inside a field"):
        DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, compress(bytes(body)))
