"""The file of a data directory that says its catalog is on a server, and which one it is.

    installation    one line: the number that the catalog has among its settings

A catalog names segments by what is in the data directory, and where its log begins. With one of
another directory, segments would be taken for leftovers, so the two have to know each other.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from storage.errors import FormatError
from storage.files import (
    CATALOG_FILE,
    SHARDS_DIRECTORY,
    sync_directory,
    sync_file,
    wal_directory,
)
from storage.log.wal import log_file_numbers

INSTALLATION_FILE = "installation"
NUMBER_BITS = 62
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_number() -> int:
    return 1 + secrets.randbits(NUMBER_BITS)


def read_number(data: Path) -> int | None:
    """The number in the directory's file; None without one. Raises FormatError."""
    path = data / INSTALLATION_FILE
    try:
        content = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} cannot be read: {error}") from error
    if not (content.strip().isascii() and content.strip().isdigit()):
        raise FormatError(f"{path} holds no number: {content[:80]!r}")
    return int(content)


def write_number(data: Path, number: int) -> None:
    """Make it durable."""
    path = data / INSTALLATION_FILE
    temporary = path.with_name(f"{INSTALLATION_FILE}.tmp")
    temporary.write_text(f"{number}\n")
    sync_file(temporary)
    os.replace(temporary, path)
    sync_directory(data)


def refuse_other(data: Path, known: int | None, name: str) -> None:
    """Raise FormatError unless a catalog on a server and a data directory belong together, or both
    are new. known: the number of the catalog, None: it is empty; name: of the catalog."""
    if (data / CATALOG_FILE).exists():
        raise FormatError(
            f"{data} has a catalog of its own ({CATALOG_FILE}), and catalog.url names another one: "
            "start with an empty data directory (storage.path), or without catalog.url"
        )
    own = read_number(data)
    holds_data = (data / SHARDS_DIRECTORY).exists()
    if known is None and holds_data:
        raise FormatError(
            f"{data} holds data (storage.path), but the catalog {name} is empty; put it back from "
            "a backup, or name the right database (catalog.url)"
        )
    if known is not None and own is None:
        raise FormatError(
            f"the catalog {name} belongs to installation {known}, and {data} to none: use its own "
            "data directory (storage.path), or an empty database (catalog.url)"
        )
    if known is not None and own != known:
        raise FormatError(
            f"the catalog {name} belongs to installation {known}, and {data} to {own}: use its own "
            "data directory (storage.path), or its own database (catalog.url)"
        )


def refuse_older(data: Path, positions: Mapping[int, int], name: str) -> None:
    """Raise FormatError if a shard's log begins behind its position in the catalog: seals that the
    catalog does not know have deleted what was before, and what they wrote would be a leftover.

    positions: by shard.
    """
    for shard, position in positions.items():
        directory = wal_directory(data, shard)
        numbers = log_file_numbers(directory) if directory.is_dir() else []
        if numbers and numbers[0] > position:
            raise FormatError(
                f"the catalog {name} is older than {data}: the log of shard {shard} begins with "
                f"file {numbers[0]}, and the catalog counts on {position}; it was put back from "
                "an old backup, put back a newer one (catalog.url)"
            )


def refuse_without_url(data: Path) -> None:
    """Raise FormatError if the catalog of a data directory is on a server."""
    if (data / INSTALLATION_FILE).exists():
        raise FormatError(
            f"the catalog of {data} is on a PostgreSQL server, which is not named, or not asked by "
            "this command (catalog.url)"
        )


def identity_of(data: Path) -> str:
    """What no other directory of any machine has, as long as the machine runs."""
    status = data.stat()
    try:
        boot = BOOT_ID.read_text().strip()
    except OSError:  # then a lease has to be waited for, always
        boot = secrets.token_hex(8)
    return f"{boot}:{status.st_dev}:{status.st_ino}"
