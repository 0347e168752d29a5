"""What compiles or loads the kernels of messages, so that no remote read waits for the compiler."""

import numpy as np

from api.answers.wire.fields import PADDING, LabelMessages
from api.answers.wire.frames import encode_frames, in_order
from api.answers.wire.samples import encode_samples
from storage.chunks.encoder import encode_series
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples


def warm_messages() -> None:
    """Encode floats and both kinds of histograms in both forms. Blocks."""
    labels = LabelMessages.of(LabelFrame.from_dicts(Symbols(), [{"a": "b"}]))
    parts = [Parts(count=1, sum=1.5, positive=[(1, 1)]), Parts(count=1.5, positive=[(1, 1.5)])]
    rows = np.array([0, 1, NO_HISTOGRAM], np.int32)
    times, values = np.arange(3), np.array([1.5, 0.0, 1.0])
    natives = Natives(from_parts(parts), rows)
    samples = Samples(np.array([0, 3]), times, values, natives=natives)
    encode_samples(labels, samples)
    frames = encode_frames(labels, encode_series(samples), query=0, frame_bytes_max=1)
    content = np.concatenate([frames.content, np.zeros(PADDING, np.uint8)])
    for _ in in_order(content, frames.offsets, np.arange(1)):
        pass
