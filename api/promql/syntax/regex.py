"""The check of regular expressions: RE2 decides, and its errors are put in Go's words.

Go's regexp package and RE2 read the same syntax; they differ in error texts and in \\C, which Go
does not have.
"""

import re

import re2

_PLAIN = re.compile(r"[^\\.+*?()\[\]{}^$]*\Z")
_TOKEN = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|[^\\]+|\\", re.DOTALL)
# Neither Go nor RE2 knows it. It stands for \\C, so that RE2 finds the first error of a pattern.
_UNKNOWN_ESCAPE = "\\Y"
_LAST_COUNT = re.compile(r"(\{([0-9]+),?([0-9]*)\})\??\Z")
_COUNT_MAX = 1_000
_GO_TEXTS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "trailing \\": "trailing backslash at end of expression",
    "invalid UTF-8": "invalid UTF-8",
    "pattern too large - compile failed": "expression too large",
}


class RegexError(ValueError):
    """The pattern is no valid regular expression; str() is Go's text."""


def is_plain(pattern: str) -> bool:
    """Whether the pattern is a list of plain texts, which Prometheus never reads as a regex."""
    return _PLAIN.match(pattern) is not None


def check_regex(pattern: str) -> None:
    """Raises RegexError if Go's regexp would refuse `pattern`."""
    bad_byte = next((i for i, char in enumerate(pattern) if "\ud800" <= char <= "\udfff"), None)
    if bad_byte is not None:
        raise _error("invalid UTF-8", pattern[bad_byte:])
    if "\\C" not in pattern:
        _compile(pattern)
        return
    try:
        _compile(_TOKEN.sub(_replace_any_byte, pattern))
    except RegexError as error:
        raise RegexError(str(error).replace(_UNKNOWN_ESCAPE, "\\C")) from None


def _replace_any_byte(token: re.Match[str]) -> str:
    return _UNKNOWN_ESCAPE if token[0] == "\\C" else token[0]


def matches_empty(pattern: str) -> bool:
    """Whether a valid, anchored `pattern` matches the empty text."""
    if is_plain(pattern):
        return "" in pattern.split("|")
    return _compile(f"(?s:{pattern})").fullmatch("") is not None


def _compile(pattern: str) -> "re2._Regexp[str]":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        text = error.args[0]
        text = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else str(text)
        code, _, fragment = text.partition(": ")
        raise _error(*_as_go_finds(code, fragment)) from None


def _as_go_finds(code: str, fragment: str) -> tuple[str, str]:
    """Where RE2 and Go disagree about which of two errors it is."""
    if code == "invalid UTF-8":
        # The pattern is valid UTF-8: RE2 means that it ends within this escape.
        return "invalid escape sequence", "\\x{"
    if code == "invalid escape sequence" and fragment in ("\\p", "\\P"):
        return "invalid character class range", fragment
    count = _LAST_COUNT.search(fragment)
    if count is not None and code in ("bad repetition operator", "invalid repetition size"):
        least, most = int(count[2]), int(count[3] or 0)
        if least > _COUNT_MAX or most > _COUNT_MAX or (count[3] and most < least):
            return "invalid repetition size", count[1]
    return code, fragment


def _error(code: str, fragment: str) -> RegexError:
    return RegexError(f"error parsing regexp: {_GO_TEXTS.get(code, code)}: `{fragment}`")
