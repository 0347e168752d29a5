"""Handing writes over to the process that has their tenant: the acceptor's side.

Whoever accepts a write judges, uncompresses and scans it; the owner of its tenant logs, syncs and
appends it, and says what became of it. A write whose owner is gone before it has answered may be
kept or not: it is answered 503, and its sender repeats it, which changes nothing if it was.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import cast

from receiver.processes.arenas import ArenaPool, arena_of
from receiver.processes.messages import ANSWERED, Answered, Unframed, error_of, framed, handed
from receiver.processes.place import Place
from receiver.processes.sockets import COLUMNS, Meeting
from receiver.write.handler import WriteDatabase
from storage.batch import Batch, Outcome
from storage.errors import Overloaded

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
HELLO = b"arenas"
_CREDENTIALS = struct.Struct("3i")


class OwnerGone(Overloaded):
    """The process that has the tenant did not answer; the same request may succeed later."""

    reason = "owner_gone"


class Link(asyncio.Protocol):
    """A connection to an owner. pid: of that process."""

    def __init__(self, number: int, pid: int) -> None:
        self._number = number
        self.pid = pid
        self._transport: asyncio.Transport | None = None
        self._unframed = Unframed()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._last = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for content in self._unframed.feed(data):
            self._settle(ANSWERED.decode(content))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(gone(self._number))

    async def ask(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """What becomes of a batch. Raises what its owner raised, and OwnerGone."""
        if self._transport is None:
            raise gone(self._number)
        self._last += 1
        number = self._last
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._transport.write(framed(handed(number, tenant, batch, arrival_ms)))
        return await answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _settle(self, message: Answered) -> None:
        answer = self._waiting.pop(message.number, None)
        if answer is None or answer.done():
            return
        if message.failed is not None:
            answer.set_exception(error_of(message.failed))
        else:
            assert message.outcome is not None, "BUG: an answer that says nothing"
            answer.set_result(message.outcome)


class Handing:
    """The database of writes: this process' own, or another's. Belongs to an event loop.

    own: where writes of tenants go that are here; admit: judges these before their bodies are read.
    """

    def __init__(
        self,
        place: Place,
        meeting: Meeting,
        arenas: ArenaPool,
        own: WriteDatabase,
        admit: Callable[[str, int | None], None],
    ) -> None:
        self._place, self._meeting, self._arenas = place, meeting, arenas
        self._own, self._admit = own, admit
        self._links: dict[int, Link] = {}
        self._locks = [asyncio.Lock() for _ in range(place.share.count)]

    def admit(self, tenant: str, body_bytes: int | None) -> None:
        """As WriteGate.admit(); the owner judges what is of others."""
        if self._place.has(tenant):
            self._admit(tenant, body_bytes)

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """As WriteDatabase. Raises OwnerGone too."""
        owner = self._place.owner(tenant)
        if owner == self._place.share.number:
            return await self._own.append(tenant, batch, arrival_ms)
        # Its memory is given back when the owner has answered, even if no one waits for that.
        return await asyncio.shield(self._handed_over(owner, tenant, batch, arrival_ms))

    async def _handed_over(self, owner: int, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        link: Link | None = None
        try:
            link = await self._link(owner)
            outcome = await link.ask(tenant, batch, arrival_ms)
        except OwnerGone:
            arena = arena_of(batch)
            if arena is None or link is None:
                batch.release()
            else:
                self._arenas.lose(arena, partial(is_gone, link.pid))
            raise
        except BaseException:
            batch.release()
            raise
        batch.release()
        return outcome

    def close(self) -> None:
        for link in self._links.values():
            link.close()

    async def _link(self, owner: int) -> Link:
        """The connection to an owner, made anew if there is none. Raises OwnerGone."""
        link = self._links.get(owner)
        if link is not None and link.is_open:
            return link
        async with self._locks[owner]:
            link = self._links.get(owner)
            if link is None or not link.is_open:
                link = self._links[owner] = await self._connected(owner)
            return link

    async def _connected(self, owner: int) -> Link:
        try:
            connection = await asyncio.to_thread(self._connect, owner)
        except OSError as error:
            raise gone(owner, error.strerror or str(error)) from error
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        pid = _CREDENTIALS.unpack(credentials)[0]
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: Link(owner, pid), sock=connection)
        return link

    def _connect(self, owner: int) -> socket.socket:
        """Connect, and let the owner have our arenas."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(self._meeting.address(owner, COLUMNS))
            descriptors = [arena.descriptor for arena in self._arenas.arenas]
            socket.send_fds(connection, [HELLO], descriptors)
            connection.setblocking(False)
        except BaseException:
            connection.close()
            raise
        return connection


def gone(owner: int, why: str = "it ended") -> OwnerGone:
    return OwnerGone(f"process {owner} of this server, which has the tenant, is away: {why}")


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not buried yet has."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return not os.path.exists(f"/proc/{pid}")
