"""Long work looks at what its own thread was told, and at nothing else."""

import math
import threading
import time

import pytest

from storage.kernels.stops import holding, look, pieces, seconds_left, stoppable


class Ended(Exception):
    """Raised by looks."""


class Looks:
    """Counts looks, and ends the work at that number."""

    def __init__(self, ends_at: int = 1 << 30) -> None:
        self.count, self._ends_at = 0, ends_at

    def __call__(self) -> None:
        self.count += 1
        if self.count >= self._ends_at:
            raise Ended


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [
        (0, 3, [(0, 0)]),
        (2, 3, [(0, 2)]),
        (3, 3, [(0, 3)]),
        (7, 3, [(0, 3), (3, 6), (6, 7)]),
    ],
)
def test_pieces_have_a_look_before_each_but_the_first(
    count: int, size: int, expected: list[tuple[int, int]]
) -> None:
    looks = Looks()
    with stoppable(looks):
        assert [(part.start, part.stop) for part in pieces(count, size)] == expected
    assert looks.count == len(expected) - 1


def test_the_check_in_force_is_the_innermost_one() -> None:
    outer, inner = Looks(), Looks(1)
    with stoppable(outer):
        look()
        with pytest.raises(Ended), stoppable(inner):
            look()
        look()
    look()
    assert (outer.count, inner.count) == (2, 1)


def test_the_time_that_is_left_is_that_of_the_nearest_end() -> None:
    assert seconds_left() == math.inf
    now = time.monotonic()
    with stoppable(lambda: None, now + 1_000):
        with stoppable(lambda: None):
            assert 0 < seconds_left() <= 1_000
        with stoppable(lambda: None, now + 2_000):
            assert seconds_left() <= 1_000
        with stoppable(lambda: None, now - 1):
            assert seconds_left() < 0
        assert seconds_left() > 0
    assert seconds_left() == math.inf


def test_other_threads_do_not_look_at_it() -> None:
    looks, done = Looks(1), threading.Event()

    def work() -> None:
        look()
        done.set()

    with stoppable(looks):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert done.is_set() and looks.count == 0


def test_whoever_waits_for_a_lock_can_be_ended() -> None:
    lock = threading.Lock()
    with holding(lock):
        with pytest.raises(Ended), stoppable(Looks(2)), holding(lock):
            raise AssertionError("BUG: held twice")
        assert lock.locked()
    assert not lock.locked()
    with pytest.raises(Ended), holding(lock):
        raise Ended
    assert not lock.locked()
