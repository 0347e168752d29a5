"""Decode threads: results, errors, callers that went away, and the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from receiver.write.decode_threads import DecodeThreads


def test_work_is_done_beside_the_loop() -> None:
    async def main() -> None:
        threads = DecodeThreads(2)
        names = await asyncio.gather(*(threads.run(thread_name, n) for n in range(20)))
        assert {n for n, _ in names} == set(range(20))
        assert {name for _, name in names} <= {"decode_0", "decode_1"}
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 1, 0)
        assert await threads.run(divmod, 7, 2) == (3, 1)
        threads.close()

    asyncio.run(main())


def thread_name(n: int) -> tuple[int, str]:
    return n, threading.current_thread().name


def test_a_caller_that_went_away_is_not_answered() -> None:
    async def main() -> None:
        threads = DecodeThreads(1)
        go = threading.Event()
        caller = asyncio.ensure_future(threads.run(go.wait, 30))
        await asyncio.sleep(0)
        caller.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await threads.run(abs, -1) == 1
        threads.close()

    asyncio.run(main())


def test_what_waits_at_the_end_is_done() -> None:
    async def main() -> None:
        others = set(threading.enumerate())
        threads = DecodeThreads(1)
        answers = [asyncio.ensure_future(threads.run(abs, -n)) for n in range(5)]
        await asyncio.sleep(0)
        threads.close()
        assert await asyncio.gather(*answers) == [0, 1, 2, 3, 4]
        left = set(threading.enumerate()) - others
        assert not any(thread.name.startswith("decode_") for thread in left)

    asyncio.run(main())
