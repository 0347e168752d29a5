"""Passwords against bcrypt hashes, slow by intent, and a memory of those that were right.

A check takes tens of milliseconds, so it runs in threads, a few at a time, and only what was right
is remembered: senders that repeat their password many times a second pay once, and guessing costs
the same for every guess. An unknown user takes as long as a known one.

Invariants:
* At most WAITING_MAX checks are under way or wait; the next raises Busy.
* Passwords are not kept, but their hashes under a key that is random for each process.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import bcrypt

from receiver.errors import Busy

REMEMBERED_MAX = 10_000
WAITING_MAX = 64
THREADS = 2
# What bcrypt reads of a password; the library refuses longer ones, others cut them off.
PASSWORD_BYTES = 72
DEFAULT_COST = b"10"


class Passwords:
    """Checks passwords of one event loop."""

    def __init__(
        self, *, remembered_max: int = REMEMBERED_MAX, waiting_max: int = WAITING_MAX
    ) -> None:
        self._remembered_max = remembered_max
        self._waiting_max = waiting_max
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    async def is_right(self, users: Mapping[str, bytes], name: str, password: bytes) -> bool:
        """Whether `users`, name -> bcrypt hash, has that name with that password. Raises Busy."""
        hashed = users.get(name)
        known = hashed is not None
        if hashed is None:
            hashed = stand_in(users)
        mark = self._mark(name, hashed, password)
        if known and mark in self._right:
            self._right.move_to_end(mark)
            return True
        right = await self._check(password, hashed) and known
        if right:
            self._right[mark] = None
            if len(self._right) > self._remembered_max:
                self._right.popitem(last=False)
        return right

    async def _check(self, password: bytes, hashed: bytes) -> bool:
        if self._waiting >= self._waiting_max:
            raise Busy(
                f"{self._waiting} passwords are being checked; allowed are {self._waiting_max}"
            )
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, matches, password, hashed)
        finally:
            self._waiting -= 1

    def _mark(self, name: str, hashed: bytes, password: bytes) -> bytes:
        mark = blake2b(key=self._key, digest_size=32)
        for part in (name.encode("utf-8", "surrogateescape"), hashed, password):
            mark.update(len(part).to_bytes(8, "little") + part)
        return mark.digest()


def matches(password: bytes, hashed: bytes) -> bool:
    """Slow, and in a time that does not reveal how far they agree."""
    return bcrypt.checkpw(password[:PASSWORD_BYTES], hashed)


def stand_in(users: Mapping[str, bytes]) -> bytes:
    """A hash that costs what the first user's does, and that no known password has."""
    first = next(iter(users.values()), None)
    cost = DEFAULT_COST if first is None else first.rsplit(b"$", 2)[1]
    return b"$2b$" + cost + b"$" + b"." * 53
