"""The lexer: query text to tokens, one at a time and only when asked for.

The text is read as bytes (held as one character per byte), so that positions are byte offsets.
What a character means depends on where it stands: outside, in the braces of a selector, or in the
brackets of a range, where a duration expression is read until the first number or duration.

An error ends the text: it is raised as ParseError by the call that would have given the token, so
the parser finds errors in the same order as one with a single token of look-ahead.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from api.promql.errors import ParseError
from api.promql.go_format import quote
from api.promql.syntax.number_scan import ALPHA, DIGIT, scan_duration_rest, scan_number
from api.promql.syntax.vocabulary import (
    AGGREGATIONS,
    DURATION_WORDS,
    FILLS,
    KEYWORDS,
    OPERATORS,
    RESERVED,
)

_SPACE = " \t\n\r"
_BLANK = frozenset(" \t\n\r#")
_SPACES = re.compile(r"[ \t\n\r]*")
_BLANKS = re.compile(r"(?:[ \t\n\r]+|#[^\r\n]*)*")
_WORD = re.compile(r"[A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z0-9_]*")
_LETTERS = re.compile(r"[A-Za-z_]*")
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.])")
_PLAIN_DURATION = re.compile(r"[0-9]+(?:ms|[smhdwy])(?![0-9A-Za-z_])")
_PLAIN_STRING = re.compile(r"\"[ !#-\[\]-~\t]*\"|'[ -&(-\[\]-~\t]*'|`[ -_a-~\t\n\r\\]*`")
_SINGLES = frozenset("()*%+-^,{}[]@")
_ESCAPED = frozenset("abfnrtv\\")
# Digits, base and largest value of the numeric escapes.
_NUMERIC_ESCAPES = {"x": (2, 16, 255), "u": (4, 16, 0x10FFFF), "U": (8, 16, 0x10FFFF)}
_REPLACEMENT = "\ufffd"


@dataclass(slots=True)
class Token:
    """kind: "identifier", "metric identifier", "number", "duration", "string", "eof", else the
    keyword in lower case or the punctuation itself. [start, end): byte offsets."""

    kind: str
    start: int
    end: int
    text: str

    def describe(self) -> str:
        """As in "unexpected ..."."""
        if self.kind == "eof":
            return "end of input"
        if self.kind in ("identifier", "metric identifier"):
            return f"{self.kind} {quote(self.text)}"
        if self.kind in KEYWORDS:
            return f"<{self.text}>"
        if self.kind in OPERATORS:
            return f"<op:{self.text}>"
        if self.kind in AGGREGATIONS:
            return f"<aggr:{self.text}>"
        long = self.end - self.start > 10
        text = quote(self.text[:10]) + "..." if long else quote(self.text)
        return f"{self.kind} {text}" if self.kind in ("string", "number", "duration") else text


class Lexer:
    """Reads one query. `source` is its UTF-8 text."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.position = 0
        self._text = source.decode("latin-1")
        self._ascii = source.isascii()
        self._paren_depth = 0
        self._in_braces = False
        self._in_brackets = False
        self._in_duration = False  # in brackets, and no number was read yet
        self._had_colon = False
        self._had_number = False  # in any brackets so far

    def next(self) -> Token:
        """The next token; "eof" again and again after the last. Raises ParseError."""
        if self._in_braces:
            return self._next_in_braces()
        return self._next_in_duration() if self._in_duration else self._next_outside()

    def previous_paren_end(self, *, paren: int, fallback: int) -> int:
        """The end of the ")" that has only spaces between it and the one at `paren`."""
        position = paren - 1
        while position > 0 and self._text[position] in _SPACE:
            position -= 1
        return position + 1 if position > 0 and self._text[position] == ")" else fallback

    # Tokens by place

    def _next_outside(self) -> Token:
        start = self.position
        char = self._peek(start)
        if char in _BLANK:
            start = self._skip(_BLANKS)
            char = self._peek(start)
        if char in ALPHA or char == ":":
            return self._colon_or_word(start) if self._in_brackets else self._word(start)
        if char in DIGIT or (char == "." and self._peek(start + 1) in DIGIT):
            return self._number(start)
        if char in _SINGLES:
            return self._single(start, char)
        if char in "\"'`" and char:
            return self._string(start)
        if char in "=!<>/" and char:
            return self._comparison(start, char)
        if char:
            self._fail(start, f"unexpected character: {self._quote_char(start)}")
        if self._paren_depth:
            self._fail(start, "unclosed left parenthesis")
        if self._in_brackets:
            self._fail(start, "unclosed left bracket")
        return Token("eof", start, start, "")

    def _next_in_braces(self) -> Token:
        start = self._skip(_BLANKS)
        char = self._peek(start)
        if char in ALPHA:
            match = _LABEL.match(self._text, start)
            assert match is not None
            return self._token("identifier", start, match.end())
        if char in DIGIT or not char:
            what = f"character inside braces: {self._quote_char(start)}"
            self._fail(start, f"unexpected {what if char else 'end of input inside braces'}")
        if char in "\"'`":
            return self._string(start)
        if char in ",}":
            self._in_braces = char != "}"
            return self._token(char, start, start + 1)
        following = self._peek(start + 1)
        if char == "=":
            kind = "=~" if following == "~" else "="
            return self._token(kind, start, start + len(kind))
        if char == "!" and following and following in "~=":
            return self._token(char + following, start, start + 2)
        if char == "!":
            found = self._quote_char(start + 1)
            self._fail(start, f"unexpected character after '!' inside braces: {found}")
        if char == "{":
            self._fail(start, "unexpected left brace '{'")
        self._fail(start, f"unexpected character inside braces: {self._quote_char(start)}")

    def _next_in_duration(self) -> Token:
        start = self._skip(_SPACES)
        char = self._peek(start)
        if not char:
            self._fail(start, "unexpected end of input in duration expression")
        if char in DIGIT or (char == "." and self._peek(start + 1) in DIGIT):
            self._had_number = True
            self._in_duration = False
            return self._number(start)
        if char == ":":
            if not self._had_number:
                text = "unexpected colon before duration in duration expression"
                self._fail(start + 1, text)
            if self._had_colon:
                self._fail(start + 1, "unexpected repeated colon in duration expression")
            self._had_colon = True
            return self._token(":", start, start + 1)
        if char in "()+-*%^,]":
            return self._single(start, char)
        if char == "/":
            return self._token("/", start, start + 1)
        word = self._duration_word(start) if char in "sSmMrR" else None
        if word is None:
            found = self._quote_char(start)
            self._fail(start, f"unexpected character in duration expression: {found}")
        return word

    # Tokens by form

    def _single(self, start: int, char: str) -> Token:
        if char == "(":
            self._paren_depth += 1
        elif char == ")":
            self._paren_depth -= 1
            if self._paren_depth < 0:
                self._fail(start + 1, "unexpected right parenthesis ')'")
        elif char == "{":
            self._in_braces = True
        elif char == "}":
            self._fail(start, "unexpected character: '}'")
        elif char == "[":
            if self._in_brackets:
                self._fail(start, "unexpected left bracket '['")
            self._in_brackets = self._in_duration = True
            self._had_colon = False
        elif char == "]":
            if not self._in_brackets:
                self._fail(start, "unexpected right bracket ']'")
            self._in_brackets = self._in_duration = False
        self.position = start + 1
        return Token(char, start, start + 1, char)

    def _comparison(self, start: int, char: str) -> Token:
        following = self._peek(start + 1)
        pair = char + following
        if pair in ("==", "!=", "<=", ">=", "</", ">/"):
            return self._token(pair, start, start + 2)
        if pair == "=~":
            self._fail(start, "unexpected character after '=': '~'")
        if char == "!":
            found = self._quote_char(start + 1)
            self._fail(start, f"unexpected character after '!': {found}")
        return self._token(char, start, start + 1)

    def _word(self, start: int) -> Token:
        match = _WORD.match(self._text, start)
        assert match is not None
        end = match.end()
        word = self._text[start:end]
        kind = RESERVED.get(word.lower())
        if kind is None:
            kind = "metric identifier" if ":" in word else "identifier"
        elif kind in FILLS and not self._is_paren_ahead(end):
            kind = "identifier"
        return self._token(kind, start, end)

    def _is_paren_ahead(self, position: int) -> bool:
        match = _SPACES.match(self._text, position)
        assert match is not None
        return self._peek(match.end()) == "("

    def _colon_or_word(self, start: int) -> Token:
        """A colon or a word in brackets, after a number."""
        char = self._text[start]
        if char == ":":
            if self._had_colon:
                self._fail(start, "unexpected colon ':'")
            self._had_colon = True
            return self._token(":", start, start + 1)
        word = self._duration_word(start) if char in "sSmMrR" else None
        if word is None:
            self._fail(start, f"unexpected character: {self._quote_char(start)}, expected ':'")
        return word

    def _duration_word(self, start: int) -> Token | None:
        match = _LETTERS.match(self._text, start)
        assert match is not None
        word = match[0].lower()
        return self._token(word, start, match.end()) if word in DURATION_WORDS else None

    def _number(self, start: int) -> Token:
        if match := _PLAIN_NUMBER.match(self._text, start):
            return self._token("number", start, match.end())
        if match := _PLAIN_DURATION.match(self._text, start):
            return self._token("duration", start, match.end())
        is_number, end = scan_number(self._text, start)
        if is_number:
            return self._token("number", start, end)
        is_duration, end = scan_duration_rest(self._text, end)
        if is_duration:
            return self._token("duration", start, end)
        self._fail(start, f"bad number or duration syntax: {quote(self._slice(start, end))}")

    # Strings

    def _string(self, start: int) -> Token:
        if match := _PLAIN_STRING.match(self._text, start):
            return self._token("string", start, match.end())
        delimiter = self._text[start]
        position = start + 1
        while True:
            char, width = self._char(position)
            if char == delimiter:
                return self._token("string", start, position + 1)
            if char == _REPLACEMENT:
                self._fail(start, "invalid UTF-8 rune")
            if not char and delimiter == "`":
                self._fail(start, "unterminated raw string")
            if delimiter != "`":
                if not char or char == "\n":
                    self._fail(start, "unterminated quoted string")
                if char == "\\":
                    width = self._escape_width(position, start)
            position += width

    def _escape_width(self, backslash: int, start: int) -> int:
        """The length of the escape sequence at `backslash`, in the string at `start`."""
        char, _ = self._char(backslash + 1)
        if not char:
            self._fail(start, "escape sequence not terminated")
        if char in _ESCAPED or char == self._text[start]:
            return 2
        if char in "01234567":
            count, base, value_max, first = 3, 8, 255, backslash + 1
        elif char in _NUMERIC_ESCAPES:
            (count, base, value_max), first = _NUMERIC_ESCAPES[char], backslash + 2
        else:
            self._fail(start, f"unknown escape sequence {_describe_char(char)}")
        value = 0
        for position in range(first, first + count):
            char, _ = self._char(position)
            if not char:
                self._fail(start, "escape sequence not terminated")
            digit = int(char, 16) if char in "0123456789abcdefABCDEF" else base
            if digit >= base:
                self._fail(start, f"illegal character {_describe_char(char)} in escape sequence")
            value = value * base + digit
        if value > value_max or 0xD800 <= value < 0xE000:
            self._fail(start, "escape sequence is an invalid Unicode code point")
        return first + count - backslash

    # Characters

    def _skip(self, blanks: re.Pattern[str]) -> int:
        match = blanks.match(self._text, self.position)
        assert match is not None
        return match.end()

    def _peek(self, position: int) -> str:
        """The byte at `position` as a character; "" at the end."""
        return self._text[position : position + 1]

    def _char(self, position: int) -> tuple[str, int]:
        """The character at `position` and its length in bytes; U+FFFD for an invalid byte."""
        byte = self._text[position : position + 1]
        if byte < "\x80":
            return byte, 1
        width = 2 if byte < "\xe0" else 3 if byte < "\xf0" else 4
        try:
            return self.source[position : position + width].decode(), width
        except UnicodeDecodeError:
            return _REPLACEMENT, 1

    def _quote_char(self, position: int) -> str:
        """The character at `position` in single quotes; U+FFFD at the end of the text."""
        char = self._char(position)[0] or _REPLACEMENT
        if char in "'\"":
            return "'\\''" if char == "'" else "'\"'"
        return f"'{quote(char)[1:-1]}'"

    def _slice(self, start: int, end: int) -> str:
        if self._ascii:
            return self._text[start:end]
        return self.source[start:end].decode("utf-8", "surrogateescape")

    def _token(self, kind: str, start: int, end: int) -> Token:
        self.position = end
        return Token(kind, start, end, self._slice(start, end))

    def _fail(self, start: int, message: str) -> NoReturn:
        raise ParseError(message, start, len(self.source), self.source)


def _describe_char(char: str) -> str:
    """The code point and, if it is printable, the character: U+002E '.'."""
    code = f"U+{ord(char):04X}"
    return f"{code} '{char}'" if char.isprintable() else code
