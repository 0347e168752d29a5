"""Series as messages: what is decoded from them is what was encoded."""

import numpy as np

from api.answers.wire.fields import LabelMessages
from api.answers.wire.samples import encode_response, encode_samples
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples, empty_samples
from tests.makers.bodies.remote_read import histogram_of
from tests.makers.bodies.v1 import _decode_time_series, fields_of

FAR = (1 << 63) - 1


def test_floats_keep_their_bits_and_times() -> None:
    values = np.array([1.5, STALE_NAN, -0.0, np.inf, 0.0])
    times = np.array([-FAR, -1, 0, FAR, 7])
    samples = Samples(np.array([0, 4, 4, 5]), times, values)
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "x"}, {"a": "gone"}, {"b": "ü"}])
    result = encode_samples(LabelMessages.of(labels), samples)
    found = [
        point for _, series in fields_of(result) for point in _decode_time_series(bytes(series))
    ]
    wanted = [((("a", "x"),), int(times[i]), int(values.view(np.uint64)[i])) for i in range(4)]
    assert found == [*wanted, ((("b", "ü"),), 7, 0)]


def test_histograms_among_floats() -> None:
    parts = [Parts(count=1, sum=2, positive=[(1, 1)]), Parts(3, 2, 5, positive=[(7, 2)])]
    rows = np.array([1, NO_HISTOGRAM, 0, 1], np.int32)
    samples = Samples(
        np.array([0, 4]),
        np.array([10, 20, 30, 40]),
        np.array([5.0, 1.0, 2.0, 5.0]),
        natives=Natives(from_parts(parts), rows),
    )
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "x"}])
    ((_, series),) = fields_of(encode_samples(LabelMessages.of(labels), samples))
    found = [(number, bytes(content)) for number, content in fields_of(bytes(series))]
    assert [number for number, _ in found] == [1, 4, 2, 4, 4]
    histograms = [histogram_of(content) for number, content in found if number == 4]
    assert [(time, h.schema, h.positive) for time, h in histograms] == [
        (10, 3, [(7, 2)]),
        (30, 0, [(1, 1)]),
        (40, 3, [(7, 2)]),
    ]


def test_nothing() -> None:
    labels = LabelMessages.of(LabelFrame.from_dicts(Symbols(), [{"a": "x"}]))
    assert encode_samples(labels, empty_samples(1)) == b""
    assert encode_response([b"", b""]) == b"\x0a\x00\x0a\x00"
