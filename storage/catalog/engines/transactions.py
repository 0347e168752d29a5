"""What a catalog asks of the database that it is in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection

# Begins a transaction that is committed at the end of the block.
Transaction = Callable[[], AbstractContextManager[Connection]]


class Transactions(Protocol):
    """Begins transactions in any thread.

    Both kinds raise Overloaded where the same may succeed later and nothing was changed, and
    StorageError otherwise.
    """

    @property
    def name(self) -> str:
        """The database, for errors; without secrets."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that changes something, durable at the end of the block."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment and changes nothing."""
        ...

    def close(self) -> None: ...
