"""Files of a block: where they are, mapped into memory, and the checksums of their sections."""

import struct
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import numpy as np

from receiver.importing.errors import BlockError
from storage.kernels.arrays import Bytes
from storage.kernels.crc32c import checksums

CHECKSUM_BYTES = 4
META_FILE, DELETION_FILE = "meta.json", "deletion-mark.json"
INDEX_FILE, TOMBSTONES_FILE, CHUNKS = "index", "tombstones", "chunks"


class BlockFiles(Protocol):
    """The files of a block, by their names in it, such as chunks/000001."""

    # Chunk files that may be here at once.
    chunk_files_max: int

    def names(self) -> Collection[str]:
        """What the block has."""

    def fetch(self, name: str) -> Path:
        """Have a file here until it is released. Raises BlockError if there is none, SourceError
        if it cannot be had."""

    def release(self, name: str) -> None:
        """The file is not read any more."""

    def close(self) -> None:
        """Nothing of the block is read any more."""


class LocalFiles:
    """The files of a directory."""

    chunk_files_max = 1 << 16

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> Collection[str]:
        files = (path for path in self._directory.rglob("*") if path.is_file())
        return {path.relative_to(self._directory).as_posix() for path in files}

    def fetch(self, name: str) -> Path:
        return self._directory / name

    def release(self, name: str) -> None: ...

    def close(self) -> None: ...


def mapped(path: Path) -> Bytes:
    """The bytes of a file. Raises BlockError if there is none, or nothing in it."""
    try:
        if path.stat().st_size == 0:
            raise BlockError(f"{path} is empty")
        return np.memmap(path, np.uint8, "r")
    except OSError as error:
        raise BlockError(f"{path} cannot be read: {error.strerror}") from None


def u32(data: Bytes, at: int) -> int:
    """The number at a place that is inside of the file."""
    return int(struct.unpack(">I", data[at : at + 4].tobytes())[0])


def u64(data: Bytes, at: int) -> int:
    return int(struct.unpack(">Q", data[at : at + 8].tobytes())[0])


def section(data: Bytes, at: int, what: str) -> tuple[int, int]:
    """(first byte, end) of a section: its length, its content and its checksum, which is compared.

    Raises BlockError.
    """
    if not 0 <= at <= len(data) - 4:
        raise BlockError(f"its {what} begin at byte {at} of {len(data)}")
    first = at + 4
    end = first + u32(data, at)
    check_sum(data, first, end, what)
    return first, end


def check_sum(data: Bytes, first: int, end: int, what: str) -> None:
    """Compare the checksum that is behind first:end. Raises BlockError."""
    if not first <= end <= len(data) - CHECKSUM_BYTES:
        raise BlockError(f"its {what} end at byte {end} of {len(data)}")
    found = int(checksums(data, np.array([first]), np.array([end]))[0])
    if found != u32(data, end):
        raise BlockError(f"its {what} have the checksum {found:08x}, not {u32(data, end):08x}")
