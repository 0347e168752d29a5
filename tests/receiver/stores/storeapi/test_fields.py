"""Small messages by their fields."""

from __future__ import annotations

import struct

import pytest

from receiver.errors import CorruptBody
from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.fields import NEVER_S, Message, read_message, reading
from receiver.wire.messages import message_field, number_field
from tests.makers.sources.fake_store import label_field


def test_values_by_their_types() -> None:
    content = message_field(1, b"first") + message_field(1, b"last") + number_field(2, -7)
    content += b"\x19" + struct.pack("<d", 1.5) + number_field(99, 1)
    found = read_message(content)
    assert (found.text(1), found.number(2), found.real(3)) == ("last", -7, 1.5)
    # Of another type than is asked for, or not there at all.
    assert (found.text(2), found.number(1), found.real(1), found.text(50)) == ("", 0, 0.0, "")
    assert Message().messages(1) == [] and Message().labels(1) == {}


def test_labels() -> None:
    content = message_field(5, label_field(1, "a", "1") + label_field(1, "b", ""))
    assert read_message(content).labels(5) == {"a": "1", "b": ""}


@pytest.mark.parametrize(
    ("content", "time_ns"),
    [
        (b"", None),
        (message_field(1, number_field(1, NEVER_S)), None),
        (message_field(1, number_field(1, 12) + number_field(2, 5)), 12_000_000_005),
        (message_field(1, b""), 0),
    ],
)
def test_times(content: bytes, time_ns: int | None) -> None:
    found = read_message(content)
    assert found.time_ns(1) == time_ns
    assert found.seconds(1) == (None if time_ns is None else time_ns / 1e9)


@pytest.mark.parametrize("content", [b"\x0a\x05a", b"\x08", b"\x09\x00"])
def test_damage(content: bytes) -> None:
    with pytest.raises(CorruptBody):
        read_message(content)


@pytest.mark.parametrize(
    "error", [CorruptBody("x"), UnicodeDecodeError("utf-8", b"x", 0, 1, "y"), struct.error("z")]
)
def test_what_cannot_be_read_is_a_lie(error: Exception) -> None:
    with (
        pytest.raises(LyingStore, match="its things are damaged: ") as raised,
        reading("its things are"),
    ):
        raise error
    assert raised.value.__cause__ is error


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(KeyError), reading("its things are"):
        raise KeyError("a bug")
