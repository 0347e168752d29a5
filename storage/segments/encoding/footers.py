"""The footers of samples.parquet: where the row groups lie, and which ids and times they have.

A footer is read by a kernel into a few columns: 45 us for 47 row groups, a hundredth of what it
takes to ask Arrow for each of them, and a fraction of the memory.

Invariant: a footer that is given has columns that the reader knows, and bounds of each row group;
anything else is a FormatError.
"""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.errors import FormatError
from storage.kernels.arrays import Bools, Bytes, Int64s
from storage.kernels.thrift import FIELDS, gather_entries, read_message

MAGIC = b"PAR1"
TAIL_BYTES = 8  # the footer's length and the magic number
# Most footers are read at once with the tail.
READ_AHEAD_BYTES = 64 << 10
# Of formats 1 and 2, and of format 3.
FLOAT_COLUMNS = ("series_id", "ts", "value")
COLUMNS = (*FLOAT_COLUMNS, "scaled", "scale")
LAYOUTS = tuple(
    (*columns, *starts) for columns in (FLOAT_COLUMNS, COLUMNS) for starts in ((), ("start_ts",))
)
IDS, TIMES, VALUES, SCALED, SCALE = range(5)
# What a row group has instead of a scale: floats, or not the same in all rows.
FLOATS, MIXED = -1, -2
REQUIRED = 0
UNKNOWN = -1
ENTRIES_KEPT = 1 << 19  # 12 MB a thread, of which a footer touches a third
rooms = threading.local()


def place_of(*fields: int) -> int:
    """The place of a field of the footer, given the fields on the way."""
    place = 0
    for number in fields:
        place = place * FIELDS + number
    return place


SCHEMA, GROUPS, CHUNKS, META, STATISTICS = 2, 4, 1, 3, 12
NAME = place_of(SCHEMA, 4)
REPETITION = place_of(SCHEMA, 3)
GROUP_ROWS = place_of(GROUPS, 3)
CHUNK = place_of(GROUPS, CHUNKS, META)
CODEC = place_of(GROUPS, CHUNKS, META, 4)
STORED_BYTES = place_of(GROUPS, CHUNKS, META, 7)
DATA_START = place_of(GROUPS, CHUNKS, META, 9)
DICTIONARY_START = place_of(GROUPS, CHUNKS, META, 11)
NULLS = place_of(GROUPS, CHUNKS, META, STATISTICS, 3)
GREATEST = place_of(GROUPS, CHUNKS, META, STATISTICS, 5)
LEAST = place_of(GROUPS, CHUNKS, META, STATISTICS, 6)
PLACES = np.array([CODEC, STORED_BYTES, DATA_START, DICTIONARY_START, NULLS, GREATEST, LEAST])


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file has in each row group: int64 columns, one entry per group.

    offsets: group g has rows offsets[g]:offsets[g+1]. starts, sizes, codecs: [group, column], where
    the bytes of a column lie in the file and how they are compressed. optional: the columns that
    say of each value whether it is there. scales: that of all values of a group, or FLOATS, or
    MIXED. has_nulls: where there must be none. begins, ends: where the bytes of all columns begin
    and end.
    """

    names: tuple[str, ...]
    optional: tuple[bool, ...]
    offsets: Int64s
    first_ids: Int64s
    last_ids: Int64s
    min_ms: Int64s
    max_ms: Int64s
    starts: Int64s
    sizes: Int64s
    codecs: Int64s
    scales: Int64s
    has_nulls: Bools
    begins: Int64s
    ends: Int64s

    @property
    def has_starts(self) -> bool:
        return "start_ts" in self.names

    @property
    def rows(self) -> int:
        return int(self.offsets[-1])

    @property
    def held_bytes(self) -> int:
        return 8 * (8 * len(self.offsets) + 3 * self.starts.size)


NOTHING = np.zeros(0, np.int64)
NO_TABLE = np.zeros((0, 0), np.int64)
# Of a file that cannot be read.
NO_FOOTER = Footer(
    (),
    (),
    offsets=np.zeros(1, np.int64),
    first_ids=NOTHING,
    last_ids=NOTHING,
    min_ms=NOTHING,
    max_ms=NOTHING,
    starts=NO_TABLE,
    sizes=NO_TABLE,
    codecs=NO_TABLE,
    scales=NOTHING,
    has_nulls=np.zeros(0, np.bool_),
    begins=NOTHING,
    ends=NOTHING,
)


def read_footer(path: Path) -> Footer:
    """Raises FormatError if the file is missing, damaged or has other columns."""
    try:
        data = footer_bytes(path)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    return parse_footer(path, data)


def parse_footer(path: Path, data: Bytes) -> Footer:
    """The footer of the bytes of one. Raises FormatError."""
    found = room_for(len(data))  # no entry is shorter than a byte
    count, end = read_message(data, 0, len(data), found)
    if end < 0 or count > len(found):
        raise damaged(path)
    return footer_of(path, data, found[:count])


def damaged(path: Path) -> FormatError:
    """The error of a file whose bytes make no sense; see is_damage()."""
    error = FormatError(f"cannot read {path}: its footer is damaged")
    error.__cause__ = ValueError("no footer")
    return error


def is_damage(error: FormatError) -> bool:
    """Whether a file cannot be understood, other than one that is missing, may not be opened, or
    is of another layout. Errors of decoding have no number."""
    cause = error.__cause__
    return cause is not None and getattr(cause, "errno", None) is None


def room_for(entries: int) -> Int64s:
    """Room that the calling thread uses again: memory that nothing has touched yet costs ten times
    what it takes to read a footer."""
    room: Int64s | None = getattr(rooms, "entries", None)
    if room is None or len(room) < entries:
        room = np.empty((entries, 3), np.int64)
        if entries <= ENTRIES_KEPT:
            rooms.entries = room
    return room


def footer_bytes(path: Path) -> Bytes:
    """The bytes of the footer; none if there is no footer at the end of the file."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - READ_AHEAD_BYTES)
        tail = os.pread(file.fileno(), size - start, start)
        length = int.from_bytes(tail[-TAIL_BYTES:-4], "little")
        if tail[-4:] != MAGIC or length > size - TAIL_BYTES - len(MAGIC):
            return np.frombuffer(b"", np.uint8)
        if length + TAIL_BYTES > len(tail):
            tail = os.pread(file.fileno(), length + TAIL_BYTES, size - TAIL_BYTES - length)
    return footer_in(tail, length)


def footer_in(tail: bytes, length: int) -> Bytes:
    """The footer of that length in the last bytes of a file."""
    return np.frombuffer(tail[len(tail) - TAIL_BYTES - length : -TAIL_BYTES], np.uint8)


def footer_of(path: Path, data: Bytes, found: Int64s) -> Footer:
    """The footer that the entries of its message say."""
    names = texts_at(data, found, NAME)[1:]
    if names not in LAYOUTS:
        raise FormatError(f"{path} has the columns {names}, not {FLOAT_COLUMNS} or {COLUMNS}")
    repetitions = numbers_at(found, REPETITION)[-len(names) :]
    rows = numbers_at(found, GROUP_ROWS)
    chunks = Chunks(found, data, (len(rows), len(names)))
    if not chunks.fit:
        raise damaged(path)
    is_scaled = names[: len(COLUMNS)] == COLUMNS
    needed = [IDS, TIMES] if is_scaled else [IDS, TIMES, VALUES]
    least, greatest = chunks.bounds(LEAST), chunks.bounds(GREATEST)
    if least is None or greatest is None:
        raise FormatError(f"{path} does not tell the ids and times of its row groups")
    starts, dictionaries = chunks.numbers(DATA_START), chunks.numbers(DICTIONARY_START)
    starts = np.where(dictionaries > 0, np.minimum(starts, dictionaries), starts)
    sizes = chunks.numbers(STORED_BYTES)
    return Footer(
        names,
        tuple((repetitions != REQUIRED).tolist()),
        np.concatenate([[0], np.cumsum(rows)]).astype(np.int64),
        least[:, 0].copy(),
        greatest[:, 0].copy(),
        least[:, 1].copy(),
        greatest[:, 1].copy(),
        starts,
        sizes,
        chunks.numbers(CODEC),
        chunks.scales(rows) if is_scaled else np.full(len(rows), FLOATS, np.int64),
        (chunks.numbers(NULLS)[:, needed].max(axis=1) > 0),
        starts.min(axis=1),
        (starts + sizes).max(axis=1),
    )


def numbers_at(found: Int64s, place: int) -> Int64s:
    numbers: Int64s = found[found[:, 0] == place, 1]
    return numbers


def texts_at(data: Bytes, found: Int64s, place: int) -> tuple[str, ...]:
    entries = found[found[:, 0] == place]
    return tuple(
        data[start : start + size].tobytes().decode("utf-8", "replace")
        for _, size, start in entries.tolist()
    )


class Chunks:
    """What the entries of a footer say of the columns of each row group."""

    def __init__(self, found: Int64s, data: Bytes, shape: tuple[int, int]) -> None:
        """shape: row groups and columns."""
        self._data = data
        self._shape = shape
        count = shape[0] * shape[1]
        self._entries = np.full((count, len(PLACES), 2), UNKNOWN, np.int64)
        self.fit = gather_entries(found, CHUNK, PLACES, self._entries) == count

    def numbers(self, place: int) -> Int64s:
        """[group, column]: the number at a place, or UNKNOWN."""
        return self._placed(place, 0)

    def bounds(self, place: int) -> Int64s | None:
        """[group, 2]: the eight bytes of ids and times at a place, as numbers; None if some are
        missing."""
        starts = self._placed(place, 1)[:, :2]
        sizes = self._placed(place, 0)[:, :2]
        if (sizes != 8).any():
            return None
        eight: Bytes = self._data[starts[:, :, None] + np.arange(8)]
        return eight.view(np.int64)[:, :, 0]

    def scales(self, rows: Int64s) -> Int64s:
        """Of each row group, given their rows."""
        least, greatest = (self._placed(place, 1)[:, SCALE] for place in (LEAST, GREATEST))
        known = (least >= 0) & (greatest >= 0)
        low, high = (self._data[np.where(known, at, 0)] for at in (least, greatest))
        nulls = self.numbers(NULLS)[:, SCALE]
        scales = np.where(known & (low == high) & (nulls == 0), low.astype(np.int64), MIXED)
        return np.where(nulls == rows, FLOATS, scales)

    def _placed(self, place: int, entry: int) -> Int64s:
        number = int(np.flatnonzero(place == PLACES)[0])
        found: Int64s = self._entries[:, number, entry].reshape(self._shape)
        return found
