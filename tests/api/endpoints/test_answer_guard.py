"""The guard of answers: what passes, what is too large, and that no block is made for no one."""

from collections.abc import Iterator

import pytest

from api.endpoints import answer_guard
from api.endpoints.answer_guard import guarded, measured
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


@pytest.mark.parametrize(("held_max", "times"), [(6, 1), (5, 2)])
def test_what_is_measured_is_held_and_made_again_only_if_it_is_large(
    held_max: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_guard, "HELD_BYTES_MAX", held_max)
    made = []

    def make() -> Iterator[memoryview]:
        made.append(1)
        buffer = bytearray(3)
        for content in (b"abc", b"def"):
            buffer[:] = content  # as an encoder may that writes to the same place
            yield memoryview(buffer)

    assert [bytes(block) for block in measured(make, slot(6))] == [b"abc", b"def"]
    assert len(made) == times
    with pytest.raises(AnswerTooLarge):
        measured(make, slot(5))
