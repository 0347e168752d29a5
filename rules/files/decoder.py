"""Values of nodes, as Go's decoder makes them of typed fields: what does not fit is collected.

A reader of a struct gives each field of a mapping to the function that knows its type. What is
wrong with one field does not keep the others from being read; a duration that is none ends it all.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from api.promql.go_format import parse_float, quote
from api.promql.syntax.durations import parse_duration
from rules.errors import RulesError
from rules.files.document import Alias, Mapping, Node, Scalar, Sequence
from rules.files.scalars import integer_of, real_of, tag_of

T = TypeVar("T")
Read = Callable[[Node], None]
SHOWN_CHARS_MAX = 10
# What aliases may be expanded to, and how much of all that is decoded may come of them.
EXPANDED_MIN: Final = 400_000
ALIASED_MIN, SHARE_MAX = 100, 0.99
_BOOLS: Final = {
    **dict.fromkeys(
        ("true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True
    ),
    **dict.fromkeys(("false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off"), False),
    "OFF": False,
}
_INT64_MAX = (1 << 63) - 1
_RESOLVED: Final = ("!!bool", "!!float", "!!int", "!!null", "!!timestamp")
_NAN = re.compile(r"\.(nan|NaN|NAN)\Z")


class DecodeError(RulesError):
    """Decoding cannot go on; str() is the whole text."""


class Decoder:
    """One decoding; `errors` are those that did not end it."""

    def __init__(self, *, ignores_unknown: bool = False) -> None:
        self.errors: list[str] = []
        self._ignores_unknown = ignores_unknown
        self._decoded = self._aliased = self._alias_depth = 0
        self._open: set[int] = set()

    def check(self) -> None:
        """Raises DecodeError if there were errors."""
        if self.errors:
            lines = "".join(f"\n  {error}" for error in self.errors)
            raise DecodeError(f"yaml: unmarshal errors:{lines}")

    def _follow(self, node: Node, read: Callable[[Node], T]) -> T:
        """Read a node or what it is an alias of."""
        self._decoded += 1
        self._aliased += self._alias_depth > 0
        if (
            self._aliased > ALIASED_MIN
            and self._decoded > 10 * ALIASED_MIN
            and (self._aliased > SHARE_MAX * self._decoded or self._decoded > EXPANDED_MIN)
        ):
            raise DecodeError("yaml: document contains excessive aliasing")
        if isinstance(node, Scalar):
            _check_tag(node)
        if not isinstance(node, Alias):
            return read(node)
        if id(node) in self._open:
            raise DecodeError(f"yaml: anchor '{node.name}' value contains itself")
        self._open.add(id(node))
        self._alias_depth += 1
        result = self._follow(node.target, read)
        self._alias_depth -= 1
        self._open.discard(id(node))
        return result

    def _misfit(self, node: Node, type_name: str) -> None:
        shown = ""
        if isinstance(node, Scalar):
            value = node.value
            is_long = len(value.encode("utf-8", "surrogateescape")) > SHOWN_CHARS_MAX
            shown = f" `{value[:7]}...`" if is_long else f" `{value}`"
        self.errors.append(f"line {node.line}: cannot unmarshal {node.tag}{shown} into {type_name}")

    def struct(self, node: Node, type_name: str, fields: dict[str, Read]) -> bool:
        """Give each field to its reader; whether the node is a mapping."""

        def read(found: Node) -> bool:
            if _is_null(found):
                return False
            if not isinstance(found, Mapping):
                self._misfit(found, type_name)
                return False
            if self._has_twins(found):
                return False
            for key, value in self._pairs(found, set()):
                self._field((key, value), type_name, fields)
            return True

        return self._follow(node, read)

    def _field(self, pair: tuple[Node, Node], type_name: str, fields: dict[str, Read]) -> None:
        key, value = pair
        name = self.text(key)
        if name is None:
            return
        if name in fields:
            fields[name](value)
        elif not self._ignores_unknown:
            self.errors.append(f"line {key.line}: field {name} not found in type {type_name}")

    def _has_twins(self, node: Mapping) -> bool:
        """Whether keys are written twice, which is an error for each of them."""
        seen: dict[str, int] = {}
        count = len(self.errors)
        for key, _ in node.pairs:
            if not isinstance(key, Scalar):
                continue
            if key.value in seen:
                self.errors.append(
                    f"line {key.line}: mapping key {quote(key.value)} "
                    f"already defined at line {seen[key.value]}"
                )
            seen.setdefault(key.value, key.line)
        return len(self.errors) > count

    def _pairs(self, node: Mapping, known: set[str]) -> Iterator[tuple[Node, Node]]:
        """The pairs of a mapping, then what is merged into it and does not stand in it."""
        merged = None
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.tag == "!!merge":
                merged = value
                continue
            if isinstance(key, Scalar):
                if key.value in known:
                    continue
                known.add(key.value)
            yield key, value
        if merged is not None:
            yield from self._merged(merged, known)

    def _merged(self, node: Node, known: set[str]) -> Iterator[tuple[Node, Node]]:
        sources = node.items if isinstance(node, Sequence) else [node]
        for source in sources:
            target = source.target if isinstance(source, Alias) else source
            if not isinstance(target, Mapping):
                raise DecodeError("yaml: map merge requires map or sequence of maps as the value")
            if id(target) in self._open:
                name = source.name if isinstance(source, Alias) else ""
                raise DecodeError(f"yaml: anchor '{name}' value contains itself")
            if self._follow(target, lambda found: self._has_twins(found)):  # type: ignore[arg-type]
                continue
            self._open.add(id(target))
            yield from self._pairs(target, known)
            self._open.discard(id(target))

    def items(self, node: Node, type_name: str, read: Read) -> None:
        """Give each item of a sequence to a reader; type_name: of the list, as []string."""

        def read_all(found: Node) -> None:
            if _is_null(found):
                return
            if not isinstance(found, Sequence):
                self._misfit(found, type_name)
                return
            for item in found.items:
                read(item)

        self._follow(node, read_all)

    def text(self, node: Node, type_name: str = "string") -> str | None:
        """The text of any scalar; None for null and for what is none."""

        def read(found: Node) -> str | None:
            if _is_null(found):
                return None
            if not isinstance(found, Scalar):
                self._misfit(found, type_name)
                return None
            return _binary(found.value) if found.tag == "!!binary" else found.value

        return self._follow(node, read)

    def integer(self, node: Node) -> int:
        def read(found: Node) -> int:
            if _is_null(found):
                return 0
            if isinstance(found, Scalar) and found.tag in ("!!int", "!!float"):
                number = integer_of(found.value)
                real = real_of(found.value) if number is None else None
                if number is not None and number <= _INT64_MAX:
                    return number
                if real is not None and abs(real) <= _INT64_MAX:
                    return int(real)
            self._misfit(found, "int")
            return 0

        return self._follow(node, read)

    def real(self, node: Node) -> float:
        def read(found: Node) -> float:
            if _is_null(found):
                return 0.0
            if isinstance(found, Scalar) and found.tag in ("!!int", "!!float"):
                if _NAN.match(found.value):
                    return float("nan")
                text = found.value.lower().replace(".inf", "inf")
                number = integer_of(found.value)
                real = parse_float(text.replace("_", "")) if number is None else float(number)
                if real is not None:
                    return real
            self._misfit(found, "float64")
            return 0.0

        return self._follow(node, read)

    def boolean(self, node: Node) -> bool:
        def read(found: Node) -> bool:
            if _is_null(found):
                return False
            is_word = isinstance(found, Scalar) and found.tag in ("!!bool", "!!str")
            if is_word and isinstance(found, Scalar) and found.value in _BOOLS:
                return _BOOLS[found.value]
            self._misfit(found, "bool")
            return False

        return self._follow(node, read)

    def duration(self, node: Node) -> int | None:
        """Milliseconds; None for null and for what is no text. Raises DecodeError."""
        text = self.text(node)
        if text is None:
            return None
        try:
            return parse_duration(text)
        except ValueError as error:
            raise DecodeError(str(error)) from error

    def texts(self, node: Node) -> dict[str, str]:
        """A map of texts; null is the empty text."""
        found: dict[str, str] = {}

        def read(mapping: Node) -> None:
            if _is_null(mapping):
                return
            if not isinstance(mapping, Mapping):
                self._misfit(mapping, "map[string]string")
                return
            if self._has_twins(mapping):
                return
            for key, value in self._pairs(mapping, set()):
                name = self.text(key)
                text = self.text(value)
                if name is not None and (text is not None or _is_null(_target(value))):
                    found[name] = text or ""

        self._follow(node, read)
        return found


def _target(node: Node) -> Node:
    return node.target if isinstance(node, Alias) else node


def _is_null(node: Node) -> bool:
    return node.tag == "!!null"


def _check_tag(node: Scalar) -> None:
    """A tag that was written must fit the text, but for texts themselves."""
    if node.tag not in _RESOLVED:
        return
    tag = tag_of(node.value)
    if tag != node.tag and (tag, node.tag) != ("!!int", "!!float"):
        raise DecodeError(f"yaml: cannot decode {tag} `{node.value}` as a {node.tag}")


def _binary(value: str) -> str:
    try:
        return base64.b64decode("".join(value.splitlines()), validate=True).decode(
            "utf-8", "surrogateescape"
        )
    except binascii.Error as error:
        raise DecodeError("yaml: !!binary value contains invalid base64 data") from error
