"""What of the segments is in a bucket: the catalog's part of uploads.

A segment is `uploading` from before its first file is written to the bucket, `uploaded` once all
are there, and `leaving` from when nothing needs it there any more until it is deleted.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, delete, insert, select

from storage.catalog.deletions import parts_of
from storage.catalog.engines.transactions import Transactions
from storage.catalog.schema import settings, uploads

UPLOADING, UPLOADED, LEAVING = "uploading", "uploaded", "leaving"
WRITER, SEQUENCE = "bucket_writer", "bucket_sequence"


class Upload(NamedTuple):
    """A segment in the bucket, and since when it is in that state."""

    ulid: str
    shard: int
    state: str
    since_ms: int


class UploadTable:
    """The uploads of a catalog."""

    def __init__(self, transactions: Transactions) -> None:
        """transactions: the catalog's."""
        self._transaction, self._reading = transactions.writing, transactions.reading

    def all(self) -> dict[str, Upload]:
        """By ULID."""
        columns = (uploads.c.ulid, uploads.c.shard, uploads.c.state, uploads.c.since_ms)
        with self._reading() as connection:
            rows = connection.execute(select(*columns).order_by(uploads.c.ulid)).all()
        return {row[0]: Upload(*row) for row in rows}

    def note(self, noted: Iterable[Upload]) -> None:
        """Replace what is known of these segments."""
        with self._transaction() as connection:
            for upload in noted:
                connection.execute(delete(uploads).where(uploads.c.ulid == upload.ulid))
                connection.execute(insert(uploads).values(upload._asdict()))

    def forget(self, ulids: Sequence[str]) -> None:
        """They are not in the bucket any more."""
        with self._transaction() as connection:
            for part in parts_of(ulids):
                connection.execute(delete(uploads).where(uploads.c.ulid.in_(part)))

    def writer(self) -> int:
        """The number by which a bucket knows this data directory; drawn when it is asked for
        first."""
        with self._transaction() as connection:
            found = connection.scalar(fact(WRITER))
            if found is None:
                found = secrets.randbits(62)
                connection.execute(insert(settings).values(name=WRITER, value=found))
        return int(found)

    def sequence(self) -> int:
        """The highest sequence that this directory has begun to write to a bucket."""
        with self._reading() as connection:
            return int(connection.scalar(fact(SEQUENCE)) or 0)

    def note_sequence(self, sequence: int) -> None:
        self._set(SEQUENCE, sequence)

    def become(self, writer: int, sequence: int) -> None:
        """Be known to a bucket as the data directory that it belongs to."""
        self._set(WRITER, writer)
        self._set(SEQUENCE, sequence)

    def _set(self, name: str, value: int) -> None:
        with self._transaction() as connection:
            connection.execute(delete(settings).where(settings.c.name == name))
            connection.execute(insert(settings).values(name=name, value=value))


def fact(name: str) -> Select[Any]:
    return select(settings.c.value).where(settings.c.name == name)
