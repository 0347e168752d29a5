"""Taking writes over from processes that have accepted them: the owner's side."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Protocol, cast

from receiver.errors import WriteError
from receiver.processes.arenas import ARENAS, Views, mapped
from receiver.processes.handing import HELLO
from receiver.processes.messages import (
    HANDED,
    Answered,
    Handed,
    Unframed,
    batch_of,
    failed,
    framed,
)
from storage.batch import Batch, Outcome
from storage.errors import StorageError

logger = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0


class Gate(Protocol):
    """Where writes of our own tenants go."""

    def admit(self, tenant: str, body_bytes: int | None) -> None: ...

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome: ...


class Taking:
    """A socket at which other processes hand writes over. Belongs to an event loop.

    decode: makes a batch of a body, for one that does not come as columns.
    """

    def __init__(self, gate: Gate, decode: Callable[[int, bytes], Batch]) -> None:
        self._gate, self._decode = gate, decode
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, listener: socket.socket) -> None:
        """Take writes from whoever connects; the socket is ours from now on."""
        listener.setblocking(False)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)

    async def close(self) -> None:
        """Take no more, and answer what was taken."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def start(self, answer: Callable[[bytes], None], message: Handed, arenas: list[Views]) -> None:
        """Do a write, and answer."""
        task = asyncio.create_task(self._write(answer, message, arenas))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _accept(self) -> None:
        assert self._listener is not None, "BUG: nothing listens"
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        task = asyncio.create_task(self._welcome(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        try:
            arenas = await asyncio.to_thread(receive_arenas, connection)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: Incoming(self, arenas), connection)
        except (OSError, ValueError) as error:
            connection.close()
            logger.warning("process not let in error=%r", str(error))

    async def _write(
        self, answer: Callable[[bytes], None], message: Handed, arenas: list[Views]
    ) -> None:
        outcome = failure = None
        try:
            outcome = await self._taken(message, arenas)
        except (WriteError, StorageError) as error:
            failure = failed(error)
        except Exception as error:  # a bug; who waits for the answer is not to wait for ever
            logger.exception("write not taken over tenant=%s", message.tenant)
            failure = failed(StorageError(f"not taken over: {error!r}"))
        answer(framed(Answered(message.number, outcome, failure)))

    async def _taken(self, message: Handed, arenas: list[Views]) -> Outcome:
        columns = message.columns
        size = len(message.payload) if columns is None else columns.payload
        self._gate.admit(message.tenant, size)
        if columns is None:
            batch = await asyncio.to_thread(batch_of, message, arenas, self._decode)
        else:
            batch = batch_of(message, arenas, self._decode)
        return await self._gate.append(message.tenant, batch, message.arrival_ms)


class Incoming(asyncio.Protocol):
    """A connection of a process that hands writes over."""

    def __init__(self, taking: Taking, arenas: list[Views]) -> None:
        self._taking, self._arenas = taking, arenas
        self._unframed = Unframed()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        for content in self._unframed.feed(data):
            self._taking.start(self._answer, HANDED.decode(content), self._arenas)

    def _answer(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)


def receive_arenas(connection: socket.socket) -> list[Views]:
    """The arenas of the process at the other end. Raises OSError, ValueError."""
    connection.settimeout(HELLO_TIMEOUT_S)
    hello, descriptors, _, _ = socket.recv_fds(connection, len(HELLO), ARENAS)
    try:
        if hello != HELLO:
            raise ValueError(f"got {hello!r}, not {HELLO!r}")
        arenas = [mapped(descriptor) for descriptor in descriptors]
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    connection.setblocking(False)
    return arenas
