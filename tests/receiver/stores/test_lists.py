"""Questions to several stores at a time, for lists of the API."""

from __future__ import annotations

from receiver.stores.errors import LyingStore
from receiver.stores.lists import gathered
from receiver.stores.storeapi.client import RULES
from receiver.wire.messages import message_field
from tests.receiver.stores.storeapi.test_source import asking, honest


def parse(content: bytes) -> str:
    if content == b"damaged":
        raise LyingStore("it is damaged")
    return content.decode()


def test_answers_of_all_and_what_is_missing() -> None:
    with asking(honest()) as (source, store, state), asking(honest()) as (_, broken, other):
        store.others["Rules"] = lambda _: iter(
            [message_field(1, b"one"), message_field(1, b"damaged"), message_field(1, b"two")]
        )
        found, losses = gathered([state, other], source._common, RULES, parse)
        assert found == ["one", "two"]
        assert [store.address in losses[0], broken.address in losses[1]] == [True, True]
        assert "it is damaged" in losses[0] and "no such method" in losses[1]


def test_one_that_is_down_is_said_to_be_missing() -> None:
    with asking(honest()) as (source, _, state):
        state.error = "gone"
        assert gathered([state], source._common, RULES, parse) == (
            [],
            (f"{state.name}: it is down: gone",),
        )
