"""Label sets as bytes, against the messages that protobuf makes."""

from __future__ import annotations

import numpy as np
import pytest
import snappy
from hypothesis import given
from hypothesis import strategies as st

from storage.labels.fields import fields_of, label_fields
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.bodies.v1 import encode
from tests.makers.bodies.v1 import fields_of as fields

TEXTS = st.text(max_size=5) | st.sampled_from(["a" * 127, "b" * 128, "c" * 20_000, "ä"])
LABELSETS = st.lists(
    st.dictionaries(st.sampled_from(["__name__", "a", "b", "é", "z" * 200]), TEXTS), max_size=6
)


def pieces(content: np.ndarray, offsets: np.ndarray) -> list[bytes]:
    return [content[a:b].tobytes() for a, b in zip(offsets, offsets[1:], strict=False)]


def plain(labels: dict[str, str]) -> bytes:
    """The label fields of the one series of a request without samples."""
    pairs = {name: text for name, text in labels.items() if text}
    ((number, content),) = fields(snappy.decompress(encode([(pairs, [])])))
    assert number == 1
    assert isinstance(content, bytes)
    return content


@given(LABELSETS)
def test_bytes_are_those_of_protobuf(labelsets: list[dict[str, str]]) -> None:
    frame = LabelFrame.from_dicts(Symbols(), labelsets)
    wanted = [plain(labels) for labels in labelsets]
    assert pieces(*label_fields(frame)) == wanted
    by_hand = [sorted((n, t) for n, t in labels.items() if t) for labels in labelsets]
    assert pieces(*fields_of(by_hand)) == wanted


@pytest.mark.parametrize("rows", [0, 3])
def test_rows_without_labels(rows: int) -> None:
    content, offsets = label_fields(LabelFrame(Symbols(), rows))
    assert (len(content), offsets.tolist()) == (0, [0] * (rows + 1))
