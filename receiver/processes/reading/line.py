"""A connection between two processes on which one of them asks and the other one answers.

A message is its tree (see `packing`), and the arrays behind it: on the connection if they are
small, else in memory that both of them map. That memory has no name: it is gone once no process has
it any more, however these end, so that nothing can be left behind.

    head   bytes of the tree, of the arrays, and 1 if these are in the memory that comes with it
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

import numpy as np

from receiver.processes.reading.packing import Packer, Unpacker
from storage.kernels.arrays import Bytes
from storage.labels.frames import Symbols

HEAD = struct.Struct("<QQB")
# Arrays up to this size are not worth memory of their own.
INLINE_BYTES_MAX = 1 << 16
TREE_BYTES_MAX = 1 << 30
# How long is waited between two looks.
WAIT_MS = 20
LEFT = select.POLLHUP | select.POLLRDHUP | select.POLLERR | select.POLLNVAL

T = TypeVar("T")
# Called now and then while something is waited for; raises what ends the waiting.
Look = Callable[[], None]


class LineLost(OSError):
    """The other side is gone, or says what is no message."""


def patient() -> None:
    """Wait for as long as it takes."""


class Line:
    """One side of a connection, used by one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection

    def close(self) -> None:
        """Also for a thread that waits for it."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def cut(self) -> None:
        """Let the thread that has it find its end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def is_left(self) -> bool:
        """Whether the other side has left."""
        return bool(self._polled(select.POLLRDHUP, 0) & LEFT)

    def send(self, message: Packer, look: Look = patient) -> None:
        """Raises LineLost, and what a look raises, after which the line is of no use any more."""
        is_shared = message.bytes > INLINE_BYTES_MAX
        head = HEAD.pack(len(message.head), message.bytes, is_shared)
        if is_shared:
            self._send_shared(head, message, look)
            self._send_all(memoryview(message.head), look)
            return
        room = np.zeros(message.bytes, np.uint8)
        message.write(room)
        self._send_all(memoryview(b"".join((head, message.head, room.tobytes()))), look)

    def receive(self, symbols: Symbols, look: Look = patient) -> object:
        """The value of the next message. Raises LineLost, NotPacked, and what a look raises."""
        descriptors: list[int] = []
        try:
            head = self._receive_head(descriptors, look)
            tree_bytes, array_bytes, is_shared = HEAD.unpack(head)
            if tree_bytes > TREE_BYTES_MAX or bool(is_shared) != bool(descriptors):
                raise LineLost("no message")
            tree = self._receive_all(tree_bytes, look).tobytes()
            if is_shared:
                memory = mapped(descriptors[0], array_bytes)
            elif array_bytes > INLINE_BYTES_MAX:
                raise LineLost("no message")
            else:
                memory = self._receive_all(array_bytes, look)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return Unpacker(tree, memory, symbols).value()

    def _send_shared(self, head: bytes, message: Packer, look: Look) -> None:
        descriptor = os.memfd_create("cupola-read")
        try:
            os.ftruncate(descriptor, message.bytes)
            message.write(mapped(descriptor, message.bytes))
            send = partial(socket.send_fds, self._socket, [head], [descriptor])
            sent = self._done(select.POLLOUT, send, look)
        finally:
            os.close(descriptor)
        self._send_all(memoryview(head)[sent:], look)

    def _send_all(self, content: memoryview, look: Look) -> None:
        while len(content):
            send = partial(self._socket.send, content, socket.MSG_NOSIGNAL)
            content = content[self._done(select.POLLOUT, send, look) :]

    def _receive_head(self, descriptors: list[int], look: Look) -> bytes:
        """The head, with the descriptors that come with it."""
        head = b""
        while len(head) < HEAD.size:
            size = HEAD.size - len(head)
            receive = partial(socket.recv_fds, self._socket, size, 1, socket.MSG_CMSG_CLOEXEC)
            content, found, _, _ = self._done(select.POLLIN, receive, look)
            descriptors += found
            if not content:
                raise LineLost("the other side has left")
            head += content
        return head

    def _receive_all(self, size: int, look: Look) -> Bytes:
        room = np.empty(size, np.uint8)
        left = room.data
        while len(left):
            count = self._done(select.POLLIN, partial(self._socket.recv_into, left), look)
            if not count:
                raise LineLost("the other side has left")
            left = left[count:]
        return room

    def _done(self, event: int, action: Callable[[], T], look: Look) -> T:
        """What an action of the socket gives once it does not have to wait."""
        while True:
            while not self._polled(event, None if look is patient else WAIT_MS):
                look()
            try:
                return action()
            except BlockingIOError:
                continue  # woken for nothing
            except OSError as error:
                raise LineLost(error.strerror or str(error)) from error

    def _polled(self, event: int, timeout_ms: int | None) -> int:
        poll = select.poll()
        try:
            poll.register(self._socket, event)
        except ValueError as error:  # it was closed
            raise LineLost("the line is closed") from error
        return sum(events for _, events in poll.poll(timeout_ms))


def mapped(descriptor: int, size: int) -> Bytes:
    """Memory of a descriptor, for as long as something is made of it. Raises LineLost."""
    if not size:
        return np.empty(0, np.uint8)
    if os.fstat(descriptor).st_size < size:
        raise LineLost("memory that is too small")
    try:
        return np.frombuffer(mmap.mmap(descriptor, size), np.uint8)
    except (OSError, ValueError) as error:
        raise LineLost(f"memory that cannot be had: {error}") from error
