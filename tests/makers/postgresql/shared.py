"""The one server that all tests of a run share, begun by the first that asks for it."""

from __future__ import annotations

import atexit
from functools import cache

import pytest

from tests.makers.postgresql.server import Server, why_not


def shared_server() -> Server:
    """Skips the test where there can be none. A test that ends or stops it begins it again."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return begun()


@cache
def begun() -> Server:
    server = Server()
    atexit.register(server.close)
    return server
