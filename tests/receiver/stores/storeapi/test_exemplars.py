"""Exemplars of stores: what messages say, what was asked for, and what is damaged."""

from __future__ import annotations

import struct

import pytest

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.exemplars import ExemplarReader
from receiver.wire.messages import message_field, number_field
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from tests.makers.sources.fake_store import label_field

Exemplar = tuple[int, float, dict[str, str]]


def label_set(number: int, labels: dict[str, str]) -> bytes:
    return message_field(number, b"".join(label_field(1, *pair) for pair in labels.items()))


def exemplar_data(labels: dict[str, str], *exemplars: Exemplar) -> bytes:
    """The message of a series."""
    own = b"".join(
        message_field(
            2, label_set(1, names) + b"\x11" + struct.pack("<d", value) + number_field(3, t)
        )
        for t, value, names in exemplars
    )
    return label_set(1, labels) + own


def rows_of(found: ExemplarSelection) -> list[tuple[dict[str, str], list[Exemplar]]]:
    return [
        (
            found.labels.labelset(row),
            [
                (int(found.timestamps[k]), float(found.values[k]), dict(found.exemplar_labels[k]))
                for k in range(found.offsets[row], found.offsets[row + 1])
            ],
        )
        for row in range(found.labels.rows)
    ]


def read(*messages: bytes, dropped: str = "") -> list[tuple[dict[str, str], list[Exemplar]]]:
    reader = ExemplarReader(Symbols(), (0, 100))
    for message in messages:
        reader.take(message)
    sets = [[Matcher("a", "=", "1")], [Matcher("a", "=", "2")]]

    def shown(labels: LabelFrame) -> LabelFrame:
        return labels.drop([dropped])

    return rows_of(reader.selection(sets, shown))


def test_what_was_asked_for_each_once() -> None:
    first, second = (7, 1.5, {"trace": "x"}), (9, -2.0, {})
    found = read(
        exemplar_data({"a": "1", "empty": ""}, second, first),
        exemplar_data({"a": "1"}, first, (101, 1.0, {})),
        exemplar_data({"a": "3"}, first),
        exemplar_data({"a": "2"}, (-1, 1.0, {})),
        message_field(1, b""),
    )
    assert found == [({"a": "1"}, [first, second])]


def test_labels_that_are_not_shown_make_series_one() -> None:
    one, other = (7, 1.5, {"trace": "x"}), (8, 1.5, {"trace": "y"})
    found = read(
        exemplar_data({"a": "1", "t": "x"}, one),
        exemplar_data({"a": "1", "t": "y"}, one, other),
        dropped="t",
    )
    assert found == [({"a": "1"}, [one, other])]


@pytest.mark.parametrize(
    "message",
    [
        b"\x0a\xff",
        message_field(1, message_field(1, b"\x0a\x05")),
        message_field(1, message_field(1, message_field(1, b"\xff"))),
        message_field(2, b"\x12\x02ab"),
        message_field(2, b"\x11\x00"),
    ],
)
def test_damage_is_said(message: bytes) -> None:
    with pytest.raises(LyingStore, match="its exemplars are damaged"):
        read(message)


def test_nothing_of_nothing() -> None:
    assert read() == []
