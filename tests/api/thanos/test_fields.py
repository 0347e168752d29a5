"""Small messages field by field, against their bytes by hand."""

from __future__ import annotations

import struct

import pytest

from api.thanos.fields import label_messages, label_set, message, number, real, text, timestamp


@pytest.mark.parametrize(
    "written, wanted",
    [
        (number(1, 0), b""),
        (number(1, 5), b"\x08\x05"),
        (number(3, True), b"\x18\x01"),
        (number(2, 300), b"\x10\xac\x02"),
        (number(1, -1), b"\x08" + b"\xff" * 9 + b"\x01"),
        (number(1, -(1 << 63)), b"\x08" + b"\x80" * 9 + b"\x01"),
        (real(4, 0.0), b""),
        (real(4, -0.0), b"\x21" + bytes(7) + b"\x80"),
        (real(4, 1.5), b"\x21" + struct.pack("<d", 1.5)),
        (text(2, ""), b""),
        (text(2, "ü"), b"\x12\x02\xc3\xbc"),
        (message(1, b""), b"\x0a\x00"),
        (label_messages(1, {}), b""),
        (label_messages(1, {"b": "2", "a": ""}), b"\x0a\x03\x0a\x01a\x0a\x06\x0a\x01b\x12\x012"),
        (label_set(5, {"a": "1"}), b"\x2a\x08\x0a\x06\x0a\x01a\x12\x011"),
        (timestamp(6, 1_500_000_001), b"\x32\x08\x08\x01\x10\x81\xca\xb5\xee\x01"),
        (timestamp(6, 0), b"\x32\x00"),
    ],
)
def test_fields(written: bytes, wanted: bytes) -> None:
    assert written == wanted
