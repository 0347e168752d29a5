"""label_replace and label_join: new label values worked out from old ones.

Both depend on label values only. The regular expression and the template are applied once to each
distinct value of the source label, however many series have it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import re2

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.syntax.literals import is_label_name
from api.promql.syntax.nodes import Call
from api.promql.vectors.names import merge_equal_rows
from api.promql.vectors.value import String, Value, Vector
from storage.kernels.arrays import Bools, Int32s
from storage.kernels.stops import pieces
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import group_rows
from storage.tenants.regex_template import Template

# Of Python's: so many take a few milliseconds.
TEXTS_AT_ONCE = 1 << 12


def label_replace(context: Context, call: Call, args: list[Value]) -> Vector:
    """Set a label from another one where the regular expression matches that one's whole value."""
    vector, (target, template, source, pattern) = _arguments(args)
    regex = compile_anchored(pattern)
    if not is_label_name(target):
        raise ExecutionError(f"invalid destination label name in label_replace(): {target}")
    codes, inverse = np.unique(vector.labels.column(source), return_inverse=True)
    expand = Template(template, regex)
    texts: list[str | None] = []
    new_codes = np.zeros(len(codes), np.int32)
    for part in pieces(len(codes), TEXTS_AT_ONCE):
        made = [expand(text) for text in vector.labels.symbols.texts(codes[part])]
        new_codes[part] = [context.symbols.code(text or "") for text in made]
        texts += made
    matched = np.array([text is not None for text in texts], np.bool_)[inverse]
    new = new_codes[inverse]
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
    codes = np.zeros(len(first), np.int32)
    for part in pieces(len(first), TEXTS_AT_ONCE):
        rows = matrix[first[part]].tolist()
        joined = [separator.join(map(text, row)) for row in rows]
        codes[part] = [context.symbols.code(value) for value in joined]
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


def compile_anchored(pattern: str) -> re2._Regexp[bytes]:
    """The expression that has to match a whole value; a dot matches newlines too."""
    options = re2.Options()
    options.log_errors = False
    try:
        anchored = f"^(?s:{pattern})$".encode()
        return re2.compile(anchored, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}") from error
