"""label_replace and label_join: new label values worked out from old ones.

Both depend on label values only. The regular expression and the template are applied once to each
distinct value of the source label, however many series have it.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import re2

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.names import merge_equal_rows
from api.promql.nodes import Call
from api.promql.value import String, Value, Vector
from storage.labels import METRIC_NAME, LabelFrame, group_rows
from storage.samples import Bools, Int32s

_ASCII_DIGITS = re.compile(r"[0-9]+\Z")
_NAME = re.compile(r"\w+")
# The number of a group in a template is at most this; anything larger is a name.
_GROUP_MAX = 100_000_000


def label_replace(context: Context, call: Call, args: list[Value]) -> Vector:
    """Set a label from another one where the regular expression matches that one's whole value."""
    vector, (target, template, source, pattern) = _arguments(args)
    regex = compile_anchored(pattern)
    if not is_label_name(target):
        raise ExecutionError(f"invalid destination label name in label_replace(): {target}")
    codes, inverse = np.unique(vector.labels.column(source), return_inverse=True)
    expand = Template(template, regex)
    texts = [expand(text) for text in vector.labels.symbols.texts(codes)]
    matched = np.array([text is not None for text in texts], np.bool_)[inverse]
    new = np.array([context.symbols.code(text or "") for text in texts], np.int32)[inverse]
    column = np.where(matched, new, vector.labels.column(target)).astype(np.int32)
    return _with_label(vector, target, column, matched)


def label_join(context: Context, call: Call, args: list[Value]) -> Vector:
    """Set a label to the values of others with a separator between them."""
    vector, (target, separator, *sources) = _arguments(args)
    if not is_label_name(target):
        raise ExecutionError(f"invalid destination label name in label_join(): {target}")
    for source in sources:
        if not is_label_name(source):
            raise ExecutionError(f"invalid source label name in label_join(): {source}")
    matrix = vector.labels.matrix(sources)
    group, first = group_rows(matrix)
    text = context.symbols.text
    joined = [separator.join(text(int(code)) for code in matrix[row]) for row in first]
    codes = np.array([context.symbols.code(value) for value in joined], np.int32)
    return _with_label(vector, target, codes[group], np.ones(len(group), np.bool_))


def _arguments(args: list[Value]) -> tuple[Vector, list[str]]:
    vector, *rest = args
    assert isinstance(vector, Vector), f"BUG: labels of a {type(vector).__name__}"
    return vector, [arg.text for arg in rest if isinstance(arg, String)]


def _with_label(vector: Vector, name: str, codes: Int32s, changed: Bools) -> Vector:
    """The vector with one label set; rows that become equal are joined.

    A new metric name is not dropped later, whatever was to become of the old one.
    """
    labels: LabelFrame = vector.labels.with_column(name, codes)
    marks = vector.drop_name
    if name == METRIC_NAME and marks is not None:
        marks = marks & ~changed
    return merge_equal_rows(replace(vector, labels=labels, drop_name=marks))


def is_label_name(name: str) -> bool:
    """Whether Prometheus takes `name` for a label: any UTF-8 text that is not empty."""
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def compile_anchored(pattern: str) -> re2._Regexp[bytes]:
    """The expression that has to match a whole value; a dot matches newlines too."""
    options = re2.Options()
    options.log_errors = False
    try:
        anchored = f"^(?s:{pattern})$".encode()
        return re2.compile(anchored, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}") from error


class Template:
    """A replacement text with references to groups: $1, $name, ${1}, ${name}, and $$ for a dollar.

    A name is as long as it can be: $1x means the group called 1x. What refers to no group, or to
    one that took no part in the match, is empty; a dollar that begins no reference is itself.
    """

    def __init__(self, text: str, regex: re2._Regexp[bytes]) -> None:
        self._regex = regex
        self._parts: list[bytes | int] = []
        at = 0
        while (dollar := text.find("$", at)) >= 0:
            self._parts.append(_bytes(text[at:dollar]))
            at = self._read_reference(text, dollar + 1)
        self._parts.append(_bytes(text[at:]))

    def __call__(self, source: str) -> str | None:
        """The replacement for `source`, or None if the expression does not match it."""
        match = self._regex.fullmatch(_bytes(source))
        if match is None:
            return None
        pieces = (
            (match.group(part) or b"") if isinstance(part, int) else part for part in self._parts
        )
        return b"".join(pieces).decode("utf-8", "surrogateescape")

    def _read_reference(self, text: str, at: int) -> int:
        """Read what follows the dollar before `at`; returns where the text goes on."""
        if text.startswith("$", at):
            self._parts.append(b"$")
            return at + 1
        braced = text.startswith("{", at)
        name = _NAME.match(text, at + braced)
        if name is None or (braced and not text.startswith("}", name.end())):
            self._parts.append(b"$")
            return at
        group = self._group(name.group())
        if group is not None:
            self._parts.append(group)
        return name.end() + braced

    def _group(self, name: str) -> int | None:
        """The number of the group that a reference means, if there is one."""
        plain = _ASCII_DIGITS.match(name) and (name == "0" or name[0] != "0")
        if plain and len(name) <= 9 and int(name) <= _GROUP_MAX:
            return int(name) if int(name) <= self._regex.groups else None
        number: int | None = self._regex.groupindex.get(_bytes(name))
        return number


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
