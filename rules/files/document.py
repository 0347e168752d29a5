"""The first document of a YAML file as nodes that know their places; errors in libyaml's words.

libyaml scans and parses; here its events become nodes. An alias stays one, so that it keeps its own
place. Depth is bounded, and whoever decodes bounds what aliases expand to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from rules.errors import RulesError
from rules.files.scalars import tag_of

DEPTH_MAX: Final = 100


class DocumentError(RulesError):
    """The text is no YAML; str() is Go's text, from `yaml: ` on."""


@dataclass(slots=True, eq=False)
class Node:
    """line, column: from 1. tag: short, as !!str."""

    line: int
    column: int
    tag: str


@dataclass(slots=True, eq=False)
class Scalar(Node):
    value: str


@dataclass(slots=True, eq=False)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping(Node):
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Alias(Node):
    name: str
    target: Node


@dataclass(frozen=True, slots=True)
class Document:
    """root: None if the file is empty; is_followed: another document comes after this one."""

    root: Node | None
    is_followed: bool = False


def parse_document(content: bytes) -> Document:
    """The first document. Raises DocumentError."""
    parser = _Parser(content)
    try:
        return parser.document()
    except yaml.MarkedYAMLError as error:
        raise DocumentError(_marked_text(error)) from error
    except yaml.reader.ReaderError as error:
        raise DocumentError(f"yaml: {error.reason}") from error
    finally:
        parser.close()


def _marked_text(error: yaml.MarkedYAMLError) -> str:
    """Go names the line of the context if there is one, and counts it by the kind of error."""
    is_scanner = isinstance(error, yaml.scanner.ScannerError)
    marks = (error.context_mark, error.problem_mark)
    line = next((mark.line for mark in marks if mark is not None and mark.line), 0)
    where = f"line {line + is_scanner}: " if line else ""
    return f"yaml: {where}{error.problem}"


class _Parser:
    """The events of one file, made nodes."""

    def __init__(self, content: bytes) -> None:
        # An empty buffer would be no stream at all.
        self._loader: Any = yaml.CSafeLoader(content or b"\n")
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def close(self) -> None:
        self._loader.dispose()

    def document(self) -> Document:
        self._loader.get_event()  # the stream begins
        if self._loader.check_event(yaml.StreamEndEvent):
            return Document(None)
        self._loader.get_event()
        root = self._node()
        self._loader.get_event()
        try:
            is_followed = not self._loader.check_event(yaml.StreamEndEvent)
        except yaml.YAMLError:
            is_followed = True  # what comes after the first document is never read
        return Document(root, is_followed)

    def _node(self) -> Node:
        event = self._loader.get_event()
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        match event:
            case yaml.AliasEvent():
                name = str(event.anchor)
                if name not in self._anchors:
                    raise DocumentError(f"yaml: unknown anchor '{name}' referenced")
                return Alias(line, column, "", name, self._anchors[name])
            case yaml.ScalarEvent():
                is_plain = not event.style
                tag = _short(event.tag) or (tag_of(event.value) if is_plain else "!!str")
                return self._anchored(event, Scalar(line, column, tag, event.value))
            case yaml.SequenceStartEvent():
                return self._sequence(event, Sequence(line, column, _short(event.tag) or "!!seq"))
        return self._mapping(event, Mapping(line, column, _short(event.tag) or "!!map"))

    def _anchored(self, event: Any, node: Node) -> Node:
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise DocumentError(f"yaml: nested more than {DEPTH_MAX} levels deep")

    def _sequence(self, event: Any, node: Sequence) -> Node:
        self._anchored(event, node)
        self._enter()
        while not self._loader.check_event(yaml.SequenceEndEvent):
            node.items.append(self._node())
        self._loader.get_event()
        self._depth -= 1
        return node

    def _mapping(self, event: Any, node: Mapping) -> Node:
        self._anchored(event, node)
        self._enter()
        while not self._loader.check_event(yaml.MappingEndEvent):
            key = self._node()
            node.pairs.append((key, self._node()))
        self._loader.get_event()
        self._depth -= 1
        return node


def _short(tag: str | None) -> str:
    """!!str for the long form; "" for none and for the one that only says: no plain scalar."""
    if tag is None or tag == "!":
        return ""
    return tag.replace("tag:yaml.org,2002:", "!!")
