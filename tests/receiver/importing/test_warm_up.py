"""The examples of the warm-up are what they are meant to be."""

from __future__ import annotations

from receiver.importing import warm_up as import_steps
from receiver.importing.warm_up import FLOAT, NATIVE
from receiver.warm_up import all_steps, steps
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, OK, XOR, chunks_of
from storage.chunks.floats import decode_floats
from storage.chunks.histograms import decode_histograms


def test_the_chunks_are_sound() -> None:
    floats = decode_floats(chunks_of([FLOAT], [XOR]))
    natives = decode_histograms(chunks_of([NATIVE] * 2, [HISTOGRAM, FLOAT_HISTOGRAM]))
    assert [*floats.reasons.tolist(), *natives.reasons.tolist()] == [OK] * 3
    assert (floats.timestamps.tolist(), natives.timestamps.tolist()) == ([0], [0, 0])


def test_a_server_does_without_them() -> None:
    assert set(import_steps.STEPS).isdisjoint(steps())
    assert set(import_steps.STEPS) <= set(all_steps())
