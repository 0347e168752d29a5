"""The blocks of an answer, for as long as someone waits for it and it is not too large.

What is found before the first part was sent is answered as an error. Later there is only cutting
off: who reads the answer sees that its end is missing.
"""

import time
from collections.abc import Callable, Generator, Iterator

from api.answers.encoding import Buffer
from api.endpoints.handler import Job, Slot
from api.errors import AnswerTooLarge
from api.promql.errors import QueryCanceled, QueryTimeout
from storage.kernels.stops import Check, stoppable

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


def begun(job: Job, turn: Slot) -> Iterator[Buffer]:
    """The blocks of a job's answer; what it does before the first of them is guarded, too."""
    with stoppable(checking(turn), time.monotonic() + turn.timeout_ms / 1000):
        blocks = job.run(turn)
    return guarded(blocks, turn)


def checking(turn: Slot, *, is_timed: bool = True) -> Check:
    """Raises QueryCanceled once no one waits for the answer, and QueryTimeout when its time is over
    that runs from now on. is_timed: false while an answer is sent, which has times of its own."""
    deadline_s = time.monotonic() + turn.timeout_ms / 1000

    def check() -> None:
        if turn.cancelled():
            raise QueryCanceled("query was canceled")
        if is_timed and time.monotonic() > deadline_s:
            raise QueryTimeout(f"query timed out ({turn.terms.time})")

    return check


def guarded(blocks: Iterator[Buffer], turn: Slot) -> Generator[Buffer, None, None]:
    """Raises AnswerTooLarge, and QueryCanceled between two blocks."""
    size, bound = 0, turn.terms.answer
    check = checking(turn)
    while True:
        with stoppable(check):
            block = next(blocks, None)
        if block is None:
            return
        if turn.cancelled():
            raise QueryCanceled("query was canceled while its answer was made")
        if not size:
            check = checking(turn, is_timed=False)
        size += len(block)
        if bound.is_below(size):
            raise AnswerTooLarge(f"the answer has {size} bytes or more ({bound})")
        yield block
