"""The functions that put the rows of an instant vector in order.

A range query's series are ordered by their labels in the end, so there they do nothing but warn,
had the range only one step.
"""

from __future__ import annotations

import functools
import re

import numpy as np

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.syntax.nodes import Call
from api.promql.vectors.natives import only_floats
from api.promql.vectors.rows import take_rows
from api.promql.vectors.value import String, Value, Vector
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, label_sort_key

_CHUNK = re.compile(r"[0-9]+|[^0-9]+")
_INT64_MAX = (1 << 63) - 1


def sort_by_value(context: Context, call: Call, args: list[Value]) -> Vector:
    """sort and sort_desc: floats by value, NaN last in both."""
    args = [only_floats(_first(args))]
    vector = _instant(context, call, args)
    if vector is None:
        return _first(args)
    values = vector.values[:, 0] if call.func == "sort" else -vector.values[:, 0]
    return take_rows(vector, np.lexsort((values, np.isnan(values), ~vector.present[:, 0])))


def sort_by_label(context: Context, call: Call, args: list[Value]) -> Vector:
    """sort_by_label and its _desc: by the values of the given labels in natural order, then by all
    labels."""
    vector = _instant(context, call, args)
    if vector is None:
        return _first(args)
    names = [arg.text for arg in args[1:] if isinstance(arg, String)]
    order = vector.labels.order()
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    keys = [natural_ranks(vector.labels, name) for name in names] + [places]
    if call.func == "sort_by_label_desc":
        keys = [-key for key in keys]
    return take_rows(vector, np.lexsort(keys[::-1]).astype(np.int64))


def _first(args: list[Value]) -> Vector:
    assert isinstance(args[0], Vector), f"BUG: sort of a {type(args[0]).__name__}"
    return args[0]


def _instant(context: Context, call: Call, args: list[Value]) -> Vector | None:
    """The vector to sort, or None, with a warning, where order does not matter."""
    if context.is_instant:
        return _first(args)
    context.warn(
        "sort is ineffective for range queries since results are always ordered by labels",
        Place(call),
    )
    return None


def natural_ranks(labels: LabelFrame, name: str) -> Int64s:
    """The place of each row's value of one label in the natural order of these values."""
    codes, inverse = np.unique(labels.column(name), return_inverse=True)
    texts = labels.symbols.texts(codes)
    natural_key = functools.cmp_to_key(compare_naturally)
    order = sorted(range(len(texts)), key=lambda i: natural_key(texts[i]))
    ranks = np.empty(len(texts), np.int64)
    ranks[order] = np.arange(len(texts))
    return ranks[inverse]


def compare_naturally(a: str, b: str) -> int:
    """Negative if a comes before b, with runs of digits compared as numbers: "2" before "10".

    Equal numbers written differently ("01", "1") are ordered as texts in the end.
    """
    chunks_a, chunks_b = _CHUNK.findall(a), _CHUNK.findall(b)
    for chunk_a, chunk_b in zip(chunks_a, chunks_b, strict=False):
        number_a, number_b = _number(chunk_a), _number(chunk_b)
        if number_a is not None and number_b is not None:
            if number_a != number_b:
                return -1 if number_a < number_b else 1
        elif chunk_a != chunk_b:
            return -1 if label_sort_key(chunk_a) < label_sort_key(chunk_b) else 1
    if len(chunks_a) != len(chunks_b):
        return len(chunks_a) - len(chunks_b)
    key_a, key_b = label_sort_key(a), label_sort_key(b)
    return (key_a > key_b) - (key_a < key_b)


def _number(chunk: str) -> int | None:
    """The value of a run of digits that an int64 can hold, else None."""
    if not chunk[0].isdecimal() or len(chunk) > 4000:
        return None
    value = int(chunk)
    return value if value <= _INT64_MAX else None
