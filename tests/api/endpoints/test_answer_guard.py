"""The guard of answers: what passes, what is too large, and that no block is made for no one."""

from collections.abc import Iterator

import pytest

from api.endpoints.answer_guard import guarded
from api.endpoints.handler import Slot, Terms
from api.errors import AnswerTooLarge
from api.promql.bounds import Bound
from api.promql.errors import QueryCanceled


def slot(bytes_max: int = 0) -> Slot:
    terms = Terms(answer=Bound(bytes_max, "max_query_response_size", "bytes", "limits.file"))
    return Slot(1_000, 0.0, lambda: False, terms=terms)


@pytest.mark.parametrize("bytes_max", [0, 6, 7])
def test_what_is_small_enough_passes(bytes_max: int) -> None:
    assert list(guarded(iter([b"abc", b"", b"def"]), slot(bytes_max))) == [b"abc", b"", b"def"]


def test_what_is_too_large_ends_before_the_block_that_is() -> None:
    made = []

    def blocks() -> Iterator[bytes]:
        for block in (b"abc", b"def", b"ghi"):
            made.append(block)
            yield block

    answer = guarded(blocks(), slot(5))
    assert next(answer) == b"abc"
    error = r"has 6 bytes or more \(limit: max_query_response_size=5 bytes in limits\.file\)"
    with pytest.raises(AnswerTooLarge, match=error):
        next(answer)
    assert made == [b"abc", b"def"]


def test_nothing_is_handed_on_once_no_one_waits() -> None:
    turn = slot()
    answer = guarded(iter([b"a", b"b", b"c"]), turn)
    assert next(answer) == b"a"
    turn.stop()
    with pytest.raises(QueryCanceled):
        next(answer)
