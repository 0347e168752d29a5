"""Memory that processes share."""

from __future__ import annotations

import os

from receiver.processes.arenas import PAYLOAD_BYTES, ROWS, ArenaPool, arena_of, mapped
from receiver.wire.buffers import BufferPool
from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY
from tests.makers.bodies.v1 import encode


def pool(count: int = 2) -> ArenaPool:
    return ArenaPool(BufferPool(1 << 20), count)


def body(series: int) -> bytes:
    return encode([({"__name__": "up", "n": str(n)}, [(n, float(n))]) for n in range(series)])


def test_what_one_process_writes_another_reads() -> None:
    arenas = pool(1)
    buffers = arenas.arenas[0]
    other = mapped(os.dup(buffers.descriptor))
    buffers.timestamps[:3] = [1, 2, 3]
    buffers.body[:2] = [7, 8]
    assert buffers.put(b"payload")
    assert other["timestamps"][:3].tolist() == [1, 2, 3]
    assert other["body"][:2].tolist() == [7, 8]
    assert other["payload"][:7].tobytes() == b"payload"
    assert not buffers.put(b"x" * (PAYLOAD_BYTES + 1))


def test_a_batch_lies_in_an_arena_until_it_is_released() -> None:
    arenas = pool()
    decoder = WriteDecoder(pool=arenas)
    first, second, third = (decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(10)) for _ in range(3))
    numbers = {arena.number for each in (first, second) if (arena := arena_of(each)) is not None}
    assert numbers == {0, 1}
    # There are no more than these; others have memory of their own.
    assert arena_of(third) is None
    assert arenas.free == 0
    for batch in (first, second, third):
        batch.release()
        batch.release()
    assert arenas.free == 2
    again = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(10))
    assert arena_of(again) is not None


def test_what_is_too_large_for_an_arena_has_its_own_memory_and_the_next_has_not() -> None:
    arenas = pool(1)
    decoder = WriteDecoder(pool=arenas)
    large = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(ROWS + 1))
    assert large.series_count == ROWS + 1
    assert large.timestamps.tolist() == list(range(ROWS + 1))
    assert arena_of(large) is None
    large.release()
    small = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, body(3))
    assert arena_of(small) is not None
    small.release()


def test_an_arena_is_lost_until_its_reader_is_gone() -> None:
    arenas, gone = pool(1), False
    lease = arenas.lease()
    arenas.lose(arenas.arenas[0], lambda: gone)
    assert arena_number(arenas) is None
    gone = True
    assert arena_number(arenas) == 0
    assert lease.buffers is arenas.arenas[0]


def arena_number(arenas: ArenaPool) -> int | None:
    """The number of the arena that is handed out next."""
    return getattr(arenas.lease().buffers, "number", None)
