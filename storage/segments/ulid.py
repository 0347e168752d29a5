"""Names that sort by the time they were made: 48 bits of milliseconds and 80 random bits as 26
characters of Crockford's base 32 (the ULID of github.com/ulid/spec, without its monotonic mode).
"""

import os
import re

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
RANDOM_BITS = 80
TIME_MS_MAX = (1 << 48) - 1

# The first character holds 3 bits only: 26 characters have 130 bits, an ULID has 128.
_PATTERN = re.compile(f"[0-7][{ALPHABET}]{{{LENGTH - 1}}}")


def new_ulid(now_ms: int) -> str:
    """A fresh ULID of a time in ms since 1970, which must not be negative."""
    assert 0 <= now_ms <= TIME_MS_MAX, f"BUG: no ULID has the time {now_ms}"
    number = now_ms << RANDOM_BITS | int.from_bytes(os.urandom(RANDOM_BITS // 8), "big")
    return "".join(ALPHABET[number >> 5 * i & 31] for i in reversed(range(LENGTH)))


def is_ulid(text: str) -> bool:
    return _PATTERN.fullmatch(text) is not None


def ulid_time_ms(ulid: str) -> int:
    """When the ULID was made."""
    assert is_ulid(ulid), f"BUG: {ulid!r} is no ULID"
    number = 0
    for character in ulid:
        number = number << 5 | ALPHABET.index(character)
    return number >> RANDOM_BITS
