"""The words and operators of the language, by what they are."""

AGGREGATIONS = frozenset(
    {
        "avg",
        "bottomk",
        "count",
        "count_values",
        "group",
        "limit_ratio",
        "limitk",
        "max",
        "min",
        "quantile",
        "stddev",
        "stdvar",
        "sum",
        "topk",
    }
)
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
PREPROCESSORS = frozenset({"start", "end", "step", "range", "max_of", "min_of"})
WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
DURATION_WORDS = frozenset({"step", "range", "max_of", "min_of"})
RESERVED = {word: word for word in AGGREGATIONS | KEYWORDS | PREPROCESSORS | WORD_OPERATORS} | {
    "inf": "number",
    "nan": "number",
}
_SYMBOL_OPERATORS = ("+", "-", "*", "/", "%", "^", "==", "!=", "<", "<=", ">", ">=", "=~", "!~")
OPERATORS = WORD_OPERATORS.union(_SYMBOL_OPERATORS, ("@", "</", ">/"))
