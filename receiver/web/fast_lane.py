"""Small requests are answered as soon as they were read, in one call and with one write.

The way through aiohttp is one of a task, a request, a router, middlewares and a response, which
together take longer than a small query itself. Nothing of that is needed for a request that

* is a GET of HTTP/1.1 without a body or a wish for the connection, and all that was read;
* finds its connection idle, with nothing under way and nothing that waits to be sent;
* passes the guard whatever it says, because nothing is configured to guard;
* is one that `answer` has an answer for at once.

All others take the usual way. Invariant: what is sent is what the usual way would have sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import HttpVersion11
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import SERVER_SOFTWARE, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

# Parsed messages with their bodies, whether the protocol changes, and what is left then.
Fed = tuple[Sequence[Any], bool, bytes]


class Answer(Protocol):
    """What is sent."""

    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...


# The answer to a GET request by path, query string, headers, and whether its client has left.
Answering = Callable[[str, str, Mapping[str, str], Callable[[], bool]], Answer | None]


class FastLane:
    """answer: gives the answers; is_open: whether all requests pass the guard as they are;
    headers: what is configured to be in every answer; prefix: what all paths begin with."""

    def __init__(
        self,
        answer: Answering,
        *,
        is_open: Callable[[], bool],
        headers: Callable[[], Mapping[str, str]],
        prefix: str = "",
    ) -> None:
        self._prefix = prefix
        self._answer = answer
        self._is_open = is_open
        self._headers = headers

    def install(self, handler: RequestHandler) -> None:
        """Look at what arrives on a new connection before its handler does."""
        parser: Any = _Parser(handler, self)
        handler._parser = parser

    def answered(self, handler: RequestHandler, message: Any) -> bool:
        """Answer a request that is alone on its connection, if that needs no waiting."""
        if not (is_plain(message) and is_idle(handler) and self._is_open()):
            return False
        transport = handler.transport
        assert transport is not None, "BUG: idle without a connection"
        path, _, query = message.path.partition("?")
        if not path.startswith(self._prefix):
            return False
        path = path.removeprefix(self._prefix)
        answer = self._answer(path, query, message.headers, lambda: handler.transport is None)
        if answer is None:
            return False
        try:
            head = response_head(answer, self._headers())
        except UnicodeEncodeError:
            return False
        transport.write(head + answer.body)
        stay_open(handler)
        return True


class _Parser:
    """The part of a parser that connections use."""

    def __init__(self, handler: RequestHandler, lane: FastLane) -> None:
        self._handler = handler
        self._parser: Any = handler._parser
        self._lane = lane

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> Fed:
        """Requests that were not answered yet."""
        fed: Fed = self._parser.feed_data(data)
        messages, upgraded, tail = fed
        if len(messages) != 1 or upgraded or tail or messages[0][1] is not EMPTY_PAYLOAD:
            return fed
        if not self._lane.answered(self._handler, messages[0][0]):
            return fed
        self._parser.message_consumed()
        return (), False, b""


def is_plain(message: Any) -> bool:
    """Whether a request without a body asks for nothing but an answer."""
    return (
        isinstance(message, RawRequestMessage)
        and message.method == "GET"
        and message.version == HttpVersion11
        and not (message.should_close or message.upgrade or message.chunked)
        and "#" not in message.path
        and "Expect" not in message.headers
    )


def is_idle(handler: RequestHandler) -> bool:
    """Whether a connection waits for a request, and its answer can be sent without waiting."""
    waiter = handler._waiter
    return (
        waiter is not None
        and not (waiter.done() or handler._messages)
        and not (handler._close or handler._force_close or handler._paused)
        and handler._keepalive_handle is not None
        and handler.transport is not None
        and not handler.transport.is_closing()
    )


def stay_open(handler: RequestHandler) -> None:
    """Give the client of an idle connection time for its next request."""
    handler._next_keepalive_close_time = handler._loop.time() + handler._keepalive_timeout


def response_head(answer: Answer, configured: Mapping[str, str]) -> bytes:
    headers = {
        **answer.headers,
        "Content-Length": str(len(answer.body)),
        "Date": rfc822_formatted_time(),
        "Server": SERVER_SOFTWARE,
        **configured,
    }
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    first = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
    return f"{first}{''.join(lines)}\r\n".encode()
