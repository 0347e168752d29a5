"""The bound on the head of a request: its first line and its headers together.

The parser of aiohttp bounds lines one by one, so many long ones would be held all together. A
`BoundedParser` stands before it and counts what arrives outside of bodies. A head above the bound
is answered 431, as by Go, and its connection is closed a moment later: what a client has still sent
to a connection that is closed would destroy the answer before it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import StreamReader
from aiohttp.http_exceptions import BadHttpMessage, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from receiver.settings.options import WebOptions

TOO_LARGE = 431
# For how long what follows a refused head is read and dropped.
LINGER_S = 0.5
PIECE_BYTES = 1 << 16


def parser_limits(options: WebOptions) -> dict[str, Any]:
    """What the server has to be given, so that its parser takes what `bound_head` allows."""
    return {
        "max_line_size": options.head_bytes_max,
        "max_field_size": options.head_bytes_max,
        "max_headers": options.headers_max,
    }


def bound_head(handler: RequestHandler, options: WebOptions) -> None:
    """Bound the heads that a new connection may send."""
    parser: Any = BoundedParser(handler, options)
    handler._parser = parser


class BoundedParser:
    """The part of a parser that connections use. A head that came whole with one read may be above
    the bound by less than that read."""

    def __init__(self, handler: RequestHandler, options: WebOptions) -> None:
        self._handler = handler
        self._parser: Any = handler._parser
        self._options = options
        self._payload: Any = EMPTY_PAYLOAD
        self._head_bytes = 0
        self._is_refused = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def feed_data(self, data: bytes) -> tuple[Sequence[Any], bool, bytes]:
        """Requests whose heads are complete; one that stands for an error if a head is too long."""
        if self._is_refused:
            return [], False, b""
        try:
            messages, upgraded, tail = self._parser.feed_data(data)
        except BadHttpMessage as error:
            too_many = error.message.startswith("Too many headers")
            if not too_many and not isinstance(error, LineTooLong):
                raise
            return self._refused()
        if messages:
            self._payload = messages[-1][1]
            self._head_bytes = 0
        elif self._payload.is_eof():
            self._head_bytes += len(data)
            if self._head_bytes > self._options.head_bytes_max:
                return self._refused()
        return messages, upgraded, tail

    def _refused(self) -> tuple[Sequence[Any], bool, bytes]:
        text = (
            f"the head of the request is too large; allowed are {self._options.head_bytes_max} "
            f"bytes (web.max-head-bytes) and {self._options.headers_max} headers "
            "(web.max-headers)\n"
        )
        # The parser's own error quotes the line, which may be a secret, and would be logged.
        error = BadHttpMessage(text.rstrip())
        self._is_refused = True
        return [(_ErrInfo(TOO_LARGE, error, text), self._lingering())], False, b""

    def _lingering(self) -> StreamReader:
        """A body that holds nothing and ends in a moment: the server waits for it, then closes."""
        loop = asyncio.get_running_loop()
        body = StreamReader(self._handler, PIECE_BYTES, loop=loop)
        loop.call_later(LINGER_S, body.feed_eof)
        return body
