"""The parts of messages: numbers, texts, label sets."""

import pytest

from api.answers.wire.fields import LabelMessages, tag, text_field, varint
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.bodies.v1 import fields_of, read_varint

NUMBERS = [0, 1, 127, 128, 16_383, 16_384, (1 << 35) - 1, (1 << 63) - 1]


@pytest.mark.parametrize("number", NUMBERS)
def test_varints(number: int) -> None:
    assert read_varint(varint(number), 0) == (number, len(varint(number)))


def test_tags_have_one_byte() -> None:
    assert int(tag(15, 2)) == 0x7A
    with pytest.raises(AssertionError, match="BUG"):
        tag(16, 0)


def test_label_sets() -> None:
    sets = [{"a": "x", "b": "\udcff"}, {}, {"a": "y" * 200}, {"ü": "x", "a": "x"}]
    messages = LabelMessages.of(LabelFrame.from_dicts(Symbols(), sets), field=3)
    for row, labels in enumerate(sets):
        content = b"".join(
            bytes(messages.content[messages.starts[i] : messages.starts[i + 1]])
            for i in messages.ids[row]
        )
        assert len(content) == messages.sizes[row]
        pairs = [
            text_field(1, name.encode()) + text_field(2, value.encode("utf-8", "surrogateescape"))
            for name, value in sorted(labels.items())
        ]
        assert list(fields_of(content)) == [(3, pair) for pair in pairs]


def test_equal_pairs_are_made_once() -> None:
    sets = [{"a": "x", "n": str(i % 3)} for i in range(100)]
    messages = LabelMessages.of(LabelFrame.from_dicts(Symbols(), sets))
    assert len(messages.starts) == 1 + 1 + 1 + 3
