"""Places for requests: their order among tenants, and that none is lost, whoever gives up."""

import asyncio
import random
from collections import Counter

import pytest

from api.web.turns import Turns


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_places_go_to_tenants_in_turn() -> None:
    async def main() -> None:
        turns, order = Turns(1), list[str]()

        async def ask(tenant: str) -> None:
            await turns.acquire(tenant)
            order.append(tenant)
            await asyncio.sleep(0)
            turns.release(tenant)

        await asyncio.gather(*(ask(tenant) for tenant in "aaaaabbc"))
        assert order == list("aabcabaa")
        assert not turns.locked()

    asyncio.run(main())


def test_a_tenant_has_no_more_than_its_places() -> None:
    async def main() -> None:
        turns = Turns(3, places_of=lambda tenant: 2)
        await turns.acquire("a")
        await turns.acquire("a")
        assert turns.must_wait("a")
        assert not turns.must_wait("b")
        waiting = asyncio.ensure_future(turns.acquire("a"))
        await settle()
        await turns.acquire("b")
        assert turns.locked()
        assert not waiting.done()
        turns.release("b")
        await settle()
        assert not waiting.done()
        turns.release("a")
        await settle()
        assert waiting.done()

    asyncio.run(main())


@pytest.mark.parametrize("granted_first", [False, True])
def test_who_gives_up_leaves_its_place(granted_first: bool) -> None:
    async def main() -> None:
        turns = Turns(1)
        await turns.acquire("a")
        first, second = (asyncio.ensure_future(turns.acquire(tenant)) for tenant in "ab")
        await settle()
        if granted_first:
            turns.release("a")  # the place is given, and not taken yet
            first.cancel()
        else:
            first.cancel()
            await settle()
            turns.release("a")
        await settle()
        assert first.cancelled()
        assert second.done()
        turns.release("b")
        assert not turns.locked()

    asyncio.run(main())


def test_any_order_of_events_keeps_the_bounds() -> None:
    async def main() -> None:
        lot, turns, held = random.Random(3), Turns(4, places_of=lambda tenant: 2), Counter[str]()

        async def ask(tenant: str) -> None:
            await turns.acquire(tenant)
            held[tenant] += 1
            assert held.total() <= 4
            assert held[tenant] <= 2
            try:
                await asyncio.sleep(lot.random() / 1000)
            finally:
                held[tenant] -= 1
                turns.release(tenant)

        tasks = [asyncio.ensure_future(ask(lot.choice("abc"))) for _ in range(300)]
        for task in lot.sample(tasks, 100):
            await asyncio.sleep(lot.random() / 10_000)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not turns.locked()
        assert held.total() == 0

    asyncio.run(main())
