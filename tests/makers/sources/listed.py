"""Messages of rules and targets as stores of Thanos send them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from receiver.wire.messages import message_field, number_field
from tests.makers.sources.fake_store import label_field

Labels = Mapping[str, str]


def text(number: int, value: str) -> bytes:
    return message_field(number, value.encode()) if value else b""


def real(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def label_set(number: int, labels: Labels) -> bytes:
    return message_field(number, b"".join(label_field(1, *pair) for pair in labels.items()))


def timestamp(number: int, seconds: int) -> bytes:
    return message_field(number, number_field(1, seconds))


def recording(name: str, labels: Labels, *, at_s: int = 0) -> bytes:
    own = text(1, name) + text(2, "sum(up)") + label_set(3, labels) + text(4, "ok")
    return message_field(1, own + real(6, 0.25) + timestamp(7, at_s))


def alert(name: str, labels: Labels, *, state: int, at_s: int = 0) -> bytes:
    instance = label_set(1, labels) + label_set(2, {"summary": "s"}) + number_field(3, state)
    instance += timestamp(4, 100) + text(5, "1.5e+00")
    own = number_field(1, state) + text(2, name) + text(3, "up == 0") + real(4, 60.0)
    own += label_set(5, labels) + label_set(6, {"summary": "{{ . }}"}) + message_field(7, instance)
    own += text(8, "err") + text(9, "it failed") + real(10, 0.5) + timestamp(11, at_s)
    return message_field(2, own + real(12, 30.0))


def group(file: str, name: str, *rules: bytes) -> bytes:
    own = text(1, name) + text(2, file) + b"".join(message_field(3, rule) for rule in rules)
    return own + real(4, 15.0) + real(5, 0.75) + timestamp(6, 200) + number_field(9, 5)


def target(pool: str, url: str, labels: Labels, *, health: int, at_s: int) -> bytes:
    own = label_set(1, {"__address__": url}) + label_set(2, labels) + text(3, pool) + text(4, url)
    own += text(5, f"global {url}") + text(6, "refused") + timestamp(7, at_s) + real(8, 0.125)
    return message_field(1, own + number_field(9, health))


def dropped(labels: Labels) -> bytes:
    return message_field(2, label_set(1, labels))
