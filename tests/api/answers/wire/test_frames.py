"""Frames: their checksums, how series are cut into them, and their order."""

import numpy as np
import pytest

from api.answers.wire import frames as frames_module
from api.answers.wire.fields import PADDING, LabelMessages
from api.answers.wire.frames import encode_frames, in_order
from storage.chunks.encoder import encode_series
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples
from tests.makers.bodies.remote_read import Frame, points_of, read_frames

SETS = [{"a": "x", "b": "1"}, {"a": "none"}, {"a": "ü" * 50}]
COUNTS = [1_000, 0, 5]


def samples() -> Samples:
    times = np.concatenate([15_000 * np.arange(count) - 60_000 for count in COUNTS])
    values = np.random.default_rng(1).normal(size=len(times))
    return Samples(np.cumsum([0, *COUNTS]), times, values)


def frames_of(frame_bytes_max: int, query: int = 0) -> list[Frame]:
    labels = LabelMessages.of(LabelFrame.from_dicts(Symbols(), SETS))
    chunks = encode_series(samples())
    found = encode_frames(labels, chunks, query=query, frame_bytes_max=frame_bytes_max)
    return read_frames(found.content[: found.offsets[-1]].tobytes())


@pytest.mark.parametrize(("query", "size"), [(0, 1 << 20), (3, 5_000), (200, 1)])
def test_all_samples_are_in_the_frames(query: int, size: int) -> None:
    frames = frames_of(size, query)
    assert {frame.query for frame in frames} == {query}
    found = points_of(frames)
    whole = samples()
    for row in (0, 2):
        own = slice(whole.offsets[row], whole.offsets[row + 1])
        pairs = zip(whole.timestamps[own].tolist(), whole.values[own].tolist(), strict=True)
        assert found.pop(tuple(SETS[row].items())) == list(pairs)
    assert found == {}


def test_frames_are_as_full_as_they_may_be() -> None:
    assert len(frames_of(1 << 20)) == 2
    small = frames_of(3_000)
    assert all(frame.size <= 3_010 for frame in small)
    assert [len(frame.chunks) for frame in small] == [2, 2, 2, 3, 1]
    assert [len(frame.chunks) for frame in frames_of(1)] == 10 * [1]


def test_frames_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames_module, "BLOCK_BYTES", 10)
    pieces = [b"aaaa", b"", b"bb", b"c" * 30, b"d"]
    content = np.frombuffer(b"".join(pieces) + bytes(PADDING), np.uint8).copy()
    offsets = np.cumsum([0, *map(len, pieces)])
    order = np.array([3, 1, 0, 2, 4])
    blocks = [bytes(block) for block in in_order(content, offsets, order)]
    assert blocks == [b"c" * 30, b"aaaabbd"]
    assert list(in_order(content, offsets, order[:0])) == []
