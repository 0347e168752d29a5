"""The blocks of an answer, for as long as someone waits for it and it is not too large.

What is found before the first part was sent is answered as an error. Later there is only cutting
off: who reads the answer sees that its end is missing.
"""

from collections.abc import Callable, Iterator

from api.answers.encoding import Buffer
from api.endpoints.handler import Slot
from api.errors import AnswerTooLarge
from api.promql.errors import QueryCanceled

# An answer that is measured before it begins is held so far; a larger one is made twice.
HELD_BYTES_MAX = 32 << 20


def measured(make: Callable[[], Iterator[Buffer]], turn: Slot) -> Iterator[Buffer]:
    """The blocks of an answer that is known not to be too large. make: gives them, again if need
    be. Raises as guarded() does, before there is any block."""
    held: list[bytes] = []
    size = 0
    for block in guarded(make(), turn):
        size += len(block)
        if size <= HELD_BYTES_MAX:
            held.append(bytes(block))
        else:
            held.clear()
    return iter(held) if size <= HELD_BYTES_MAX else make()


def guarded(blocks: Iterator[Buffer], turn: Slot) -> Iterator[Buffer]:
    """Raises AnswerTooLarge, and QueryCanceled between two blocks."""
    size, bound = 0, turn.terms.answer
    for block in blocks:
        if turn.cancelled():
            raise QueryCanceled("query was canceled while its answer was made")
        size += len(block)
        if bound.is_below(size):
            raise AnswerTooLarge(f"the answer has {size} bytes or more ({bound})")
        yield block
