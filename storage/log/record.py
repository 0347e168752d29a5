"""The records of the write-ahead log, as bytes and back.

    log file := header record*
    header   := magic[8] version:u32 reserved:u32 checksum:u64     checksum of the 16 bytes before
    record   := length:u32 checksum:u64 body                       length and checksum of the body
    body     := kind:u8 arrival_ms:i64 tenant_length:u8 tenant payload

Integers are little-endian, checksums are XXH3 with 64 bits. The payload reaches to the end of the
body. Nothing here reads or writes a file: that is `log_file` and `wal`. docs/formats/wal.md draws
these bytes.
"""

import struct
from dataclasses import dataclass

from xxhash import xxh3_64, xxh3_64_intdigest

MAGIC = b"cupolaWL"
FORMAT_VERSION = 1
PAYLOAD_BYTES_MAX = 256 << 20
TENANT_BYTES_MAX = 255

_HEADER = struct.Struct("<8sIIQ")
_HEADER_CHECKED_BYTES = 16
_FRAME = struct.Struct("<IQ")
_BODY = struct.Struct("<BqB")

HEADER_BYTES = _HEADER.size
FRAME_BYTES = _FRAME.size
BODY_BYTES_MIN = _BODY.size
BODY_BYTES_MAX = _BODY.size + TENANT_BYTES_MAX + PAYLOAD_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of the log. kind says how the payload is encoded (storage/batch.py)."""

    kind: int
    arrival_ms: int
    tenant: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands before a body: its length in bytes and its checksum."""

    length: int
    checksum: int


def make_header(version: int = FORMAT_VERSION) -> bytes:
    """The first bytes of a log file."""
    checked = _HEADER.pack(MAGIC, version, 0, 0)[:_HEADER_CHECKED_BYTES]
    return checked + xxh3_64_intdigest(checked).to_bytes(8, "little")


def parse_header(header: bytes) -> int | None:
    """The format version that a file header states, or None if the header is damaged."""
    if len(header) != HEADER_BYTES:
        return None
    magic, version, _, checksum = _HEADER.unpack(header)
    if magic != MAGIC or checksum != xxh3_64_intdigest(header[:_HEADER_CHECKED_BYTES]):
        return None
    return int(version)


def make_prefix(kind: int, arrival_ms: int, tenant: str, payload: bytes) -> bytes:
    """All bytes of a record that stand before its payload, so that the payload is not copied."""
    name = tenant.encode()
    assert len(name) <= TENANT_BYTES_MAX, f"BUG: tenant of {len(name)} bytes"
    assert len(payload) <= PAYLOAD_BYTES_MAX, f"BUG: payload of {len(payload)} bytes"
    head = _BODY.pack(kind, arrival_ms, len(name)) + name
    digest = xxh3_64(head)
    digest.update(payload)
    return _FRAME.pack(len(head) + len(payload), digest.intdigest()) + head


def parse_frame(frame: bytes) -> Frame | None:
    """The frame, or None if it is cut short or states a length that no body has."""
    if len(frame) != FRAME_BYTES:
        return None
    length, checksum = _FRAME.unpack(frame)
    if not BODY_BYTES_MIN <= length <= BODY_BYTES_MAX:
        return None
    return Frame(length, checksum)


def parse_body(frame: Frame, body: bytes) -> Record | None:
    """The record, or None if the body is not the one that the frame was made for."""
    if len(body) != frame.length or xxh3_64_intdigest(body) != frame.checksum:
        return None
    kind, arrival_ms, tenant_length = _BODY.unpack_from(body)
    payload_start = BODY_BYTES_MIN + tenant_length
    if payload_start > len(body):
        return None
    try:
        tenant = body[BODY_BYTES_MIN:payload_start].decode()
    except UnicodeDecodeError:
        return None
    return Record(kind, arrival_ms, tenant, body[payload_start:])
