"""Which templates of labels say the same at each evaluation of one alert."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from rules.errors import TemplateError
from rules.templates.expander import PREFIX
from rules.templates.functions import FUNCTION_NAMES
from rules.templates.nodes import Chain, Dot, Field, Identifier, Node, Variable
from rules.templates.parser import parse

# What the text before each template is parsed to.
PREFIX_NODES = PREFIX.count("{{")
CHANGING_FUNCTIONS = ("query", "now")
FIXED_FIELDS = ("Labels", "ExternalLabels", "ExternalURL")


def is_fixed(text: str) -> bool:
    """Whether a text depends on the labels of a sample only, not on its value or time. Of one that
    hands all that is known of a sample on, that is not known, so it is not."""
    if "{{" not in text:
        return True
    try:
        template = parse("text", PREFIX + text, FUNCTION_NAMES)
    except TemplateError:
        return True  # its text is the error
    trees = dict(template.trees)
    main = trees.pop(template.name)
    roots = [*main.nodes[PREFIX_NODES:], *trees.values()]
    return not any(_changes(node) for root in roots for node in _nodes(root))


def _changes(node: Node) -> bool:
    match node:
        case Dot():
            return True
        case Variable(names=names):
            return names[0] in ("$value", "$")
        case Field(names=names):
            return names[0] not in FIXED_FIELDS
        case Chain(names=names):
            return "Value" in names
        case Identifier(name=name):
            return name in CHANGING_FUNCTIONS
    return False


def _nodes(root: Node) -> Iterator[Node]:
    """A node and all below it."""
    waiting: list[object] = [root]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list | tuple):
            waiting.extend(found)
        elif isinstance(found, Node):
            yield found
            waiting.extend(getattr(found, each.name) for each in fields(found))
