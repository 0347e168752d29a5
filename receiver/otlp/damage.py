"""Texts of OpenTelemetry's requests that are no UTF-8, without the loss of the others.

A parser refuses a message as a whole for one such text, wherever it is. So the bytes that are no
UTF-8 are replaced by a character that stands for damage, one for each byte, and the translation
decides what it costs: nothing where the text is not used, the data point where it is a label.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from receiver.errors import CorruptBody
from receiver.wire.messages import Field, fields, message_field

# Characters that are no one's: text is not exchanged with them.
MARKS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))
SURROGATES = re.compile("[\ud800-\udfff]")
TEXT, MESSAGE = FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE
LENGTH = 2  # the wire type of texts and messages
DEPTH_MAX = 100


def mark_for(body: bytes) -> str:
    """A character to stand for damage: one that the body does not have, if there is one."""
    return next((mark for mark in MARKS if mark.encode() not in body), MARKS[0])


def mended_text(raw: bytes, mark: str) -> str:
    """A text with the mark in the place of every byte that is no UTF-8."""
    return SURROGATES.sub(mark, raw.decode("utf-8", "surrogateescape"))


def mended_message(body: bytes, kind: type[Message], mark: str) -> bytes:
    """The body of a message of a kind with all texts mended. Raises CorruptBody."""
    whole = Field(0, LENGTH, 0, 0, len(body))
    return _mended(body, whole, kind.DESCRIPTOR, mark, DEPTH_MAX)


def _mended(body: bytes, message: Field, descriptor: Any, mark: str, depth: int) -> bytes:
    if not depth:
        raise CorruptBody(f"messages nested over {DEPTH_MAX} deep")
    kinds = descriptor.fields_by_number
    parts, copied = [], message.first
    for field in fields(body, message.first, message.end):
        kind = kinds.get(field.number) if field.wire_type == LENGTH else None
        if kind is None or kind.type not in (TEXT, MESSAGE):
            continue
        content = body[field.first : field.end]
        if kind.type == TEXT:
            mended = mended_text(content, mark).encode()
        else:
            mended = _mended(body, field, kind.message_type, mark, depth - 1)
        if mended != content:
            parts += [body[copied : field.start], message_field(field.number, mended)]
            copied = field.end
    return b"".join((*parts, body[copied : message.end]))


def mended_json(body: bytes, mark: str) -> tuple[Any, bool]:
    """The document of a JSON body with the mark in the place of damaged bytes and of halves of
    surrogate pairs, and whether there were any. Raises ValueError or RecursionError if it is no
    JSON even so."""
    text = body.decode("utf-8", "surrogateescape")
    mender = JsonMender(mark)
    document = mender.mended(json.loads(text, parse_constant=no_constant))
    return document, mender.has_found


@dataclass(slots=True)
class JsonMender:
    """Mends the texts of a document. has_found: whether there was something to mend."""

    mark: str
    has_found: bool = False

    def mended(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._mended_text(value)
        if isinstance(value, list):
            return [self.mended(element) for element in value]
        if isinstance(value, dict):
            return {self._mended_text(key): self.mended(member) for key, member in value.items()}
        return value

    def _mended_text(self, text: str) -> str:
        mended, count = SURROGATES.subn(self.mark, text)
        self.has_found = self.has_found or count > 0
        return mended


def no_constant(text: str) -> None:
    """Raises ValueError: a standard of JSON has neither NaN nor Infinity."""
    raise ValueError(f"{text} is no JSON")
