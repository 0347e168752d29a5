"""The words and operators of the language, by what they are."""

from api.promql.syntax.signatures import AGGREGATORS

AGGREGATIONS = frozenset(AGGREGATORS)
# Kinds of tokens that are a number when they are read.
LITERALS = frozenset({"number", "duration"})
FILLS = frozenset({"fill", "fill_left", "fill_right"})
KEYWORDS = FILLS | {
    "anchored",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "smoothed",
    "without",
}
# What stands for a time behind @, and in durations for a number, or chooses between two of them.
EDGES = frozenset({"start", "end"})
DURATION_VALUES = frozenset({"step", "range"})
DURATION_CHOICES = frozenset({"max_of", "min_of"})
DURATION_WORDS = DURATION_VALUES | DURATION_CHOICES
PREPROCESSORS = EDGES | DURATION_WORDS
WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
RESERVED = {word: word for word in AGGREGATIONS | KEYWORDS | PREPROCESSORS | WORD_OPERATORS} | {
    "inf": "number",
    "nan": "number",
}
_SYMBOL_OPERATORS = ("+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "=~", "!~")
OPERATORS = WORD_OPERATORS.union(_SYMBOL_OPERATORS, ("@", "</", ">/"))
