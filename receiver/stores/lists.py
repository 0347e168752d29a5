"""What stores have besides series, for lists of the API: rules and targets, asked side by side."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from receiver.stores.storeapi.asking import Asking
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked

T = TypeVar("T")


def gathered(
    states: Sequence[StoreState], asked: Asked, method: str, parse: Callable[[bytes], T]
) -> tuple[list[T], tuple[str, ...]]:
    """What stores answer to a question without conditions, and what may be missing of it. parse:
    reads a message; raises LyingStore."""
    askings = [Asking(state, asked) for state in states]
    under_way = [(each, each.contents(method, b"")) for each in askings if each.is_there()]
    found: list[T] = []
    for each, came in under_way:
        each.read(came(), lambda message: found.append(parse(message)))
    return found, tuple(loss for each in askings for loss in each.losses)
