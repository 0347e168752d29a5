"""The tokens of a template: text as it is, and what stands between `{{` and `}}`.

Positions are offsets of characters. An error is a token too, the last one, with the error's text:
only the parser knows whether anything comes before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from api.promql.go_format import quote

KEYWORDS = frozenset(
    {
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "nil",
        "range",
        "template",
        "with",
    }
)
_LEFT, _RIGHT = "{{", "}}"
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"\w*")
_RIGHT_DELIMITER = re.compile(r"([ \t\r\n]-)?\}\}")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|(?:0[oO][0-7_]*|0[bB][01_]*|[0-9_]*)(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_QUOTED = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"', re.DOTALL)
_CHARACTER = re.compile(r"'(?:\\[^\n]|[^'\\\n])*'", re.DOTALL)
_ENDS_OF_WORDS = _SPACES + ".,|:=()}"
_SIGNS = {"=": "assign", "|": "pipe", "(": "("}
_SHOWN_CHARS = 10


@dataclass(frozen=True, slots=True)
class Token:
    """kind: text, error, eof, space, a keyword, a sign, or what a word is; line from 1."""

    kind: str
    text: str
    position: int
    line: int

    def __str__(self) -> str:
        """As error texts show it."""
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind in KEYWORDS or self.kind == "dot":
            return f"<{self.text}>"
        if len(self.text.encode("utf-8", "surrogateescape")) > _SHOWN_CHARS:
            return f"{quote(self.text[:_SHOWN_CHARS])}..."
        return quote(self.text)


class LexicalError(Exception):
    """str() is the text of the error."""


def tokens_of(source: str) -> Iterator[Token]:
    """All tokens; the last one is of kind eof or error."""
    return _Lexer(source).run()


class _Lexer:
    """One pass over a template. `start` is where the token begins, `at` how far it was read."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._start = 0
        self._at = 0
        self._line = 1
        self._parens = 0

    def run(self) -> Iterator[Token]:
        try:
            while self._at < len(self._source):
                yield from self._text()
                if self._at >= len(self._source) or self._comment():
                    continue
                yield from self._action()
        except LexicalError as error:
            yield Token("error", str(error), self._start, self._line)
            return
        yield Token("eof", "", self._at, self._line)

    def _token(self, kind: str) -> Token:
        text = self._source[self._start : self._at]
        token = Token(kind, text, self._start, self._line)
        self._line += text.count("\n")
        self._start = self._at
        return token

    def _skip(self) -> None:
        self._line += self._source.count("\n", self._start, self._at)
        self._start = self._at

    def _text(self) -> Iterator[Token]:
        """The text before the next action, without the space that the action trims."""
        found = self._source.find(_LEFT, self._at)
        end = len(self._source) if found < 0 else found
        kept = end
        if found >= 0 and self._trims_before(found + len(_LEFT)):
            kept = self._start + len(self._source[self._start : end].rstrip(_SPACES))
        self._at = kept
        if self._at > self._start:
            yield self._token("text")
        self._at = end
        self._skip()

    def _trims_before(self, position: int) -> bool:
        marker = self._source[position : position + 2]
        return len(marker) == 2 and marker[0] == "-" and marker[1] in _SPACES

    def _comment(self) -> bool:
        """Whether a comment stood at the left delimiter, and was passed."""
        begin = self._at + len(_LEFT)
        begin += 2 if self._trims_before(begin) else 0
        if not self._source.startswith("/*", begin):
            return False
        self._start = begin
        end = self._source.find("*/", begin + 2)
        if end < 0:
            raise LexicalError("unclosed comment")
        closing = _RIGHT_DELIMITER.match(self._source, end + 2)
        if closing is None:
            raise LexicalError("comment ends before closing delimiter")
        self._at = closing.end()
        self._trim_after(closing)
        return True

    def _trim_after(self, closing: re.Match[str]) -> None:
        space = _SPACE.match(self._source, self._at) if closing[1] else None
        self._at = space.end() if space is not None else self._at
        self._skip()

    def _action(self) -> Iterator[Token]:
        self._at += len(_LEFT)
        token = self._token("{{")
        if self._trims_before(self._at):
            self._at += 2
            self._skip()
        yield token
        self._parens = 0
        while True:
            closing = _RIGHT_DELIMITER.match(self._source, self._at)
            if closing is not None:
                break
            yield self._inside()
        if self._parens:
            raise LexicalError("unclosed left paren")
        if closing[1]:
            self._at += len(closing[1])
            self._skip()
        self._at = closing.end()
        yield self._token("}}")
        self._trim_after(closing)

    def _inside(self) -> Token:
        if self._at >= len(self._source):
            raise LexicalError("unclosed action")
        char = self._source[self._at]
        if char in _SPACES:
            return self._space()
        following = self._source[self._at + 1 : self._at + 2]
        if char == "." and not (following.isascii() and following.isdigit()):
            return self._field_or_variable("field", "dot")
        if char == "$":
            return self._field_or_variable("variable", "variable")
        if char in "+-." or (char.isascii() and char.isdigit()):
            return self._number()
        if char.isalpha() or char.isdigit() or char == "_":
            return self._word()
        if char in "\"`'":
            return self._literal(char)
        return self._sign(char)

    def _space(self) -> Token:
        space = _SPACE.match(self._source, self._at)
        assert space is not None, "BUG: no space where one was seen"
        self._at = space.end()
        # The last one belongs to a closing delimiter that trims.
        if _RIGHT_DELIMITER.match(self._source, self._at - 1):
            self._at -= 1
        return self._token("space")

    def _sign(self, char: str) -> Token:
        self._at += 1
        if char == ":":
            if not self._source.startswith("=", self._at):
                raise LexicalError("expected :=")
            self._at += 1
            return self._token("declare")
        if char == ")":
            self._parens -= 1
            if self._parens < 0:
                raise LexicalError("unexpected right paren")
            return self._token(")")
        self._parens += char == "("
        if char in _SIGNS:
            return self._token(_SIGNS[char])
        if char.isascii() and char.isprintable():
            return self._token("char")
        raise LexicalError(f"unrecognized character in action: {unicode_name(char)}")

    def _word(self) -> Token:
        word = self._word_at(self._at)
        if word in ("true", "false"):
            return self._token("bool")
        return self._token(word if word in KEYWORDS else "identifier")

    def _word_at(self, start: int) -> str:
        found = _WORD.match(self._source, start)
        assert found is not None, "BUG: the pattern matches the empty text"
        self._at = found.end()
        following = self._source[self._at : self._at + 1]
        if following and following not in _ENDS_OF_WORDS:
            raise LexicalError(f"bad character {unicode_name(following)}")
        return found[0]

    def _field_or_variable(self, kind: str, bare: str) -> Token:
        following = self._source[self._at + 1 : self._at + 2]
        if not following or following in _ENDS_OF_WORDS:
            self._at += 1
            return self._token(bare)
        self._word_at(self._at + 1)
        return self._token(kind)

    def _number(self) -> Token:
        found = _NUMBER.match(self._source, self._at)
        assert found is not None, "BUG: the pattern matches the empty text"
        self._at = found.end()
        following = self._source[self._at : self._at + 1]
        if following == "_" or following.isalnum():
            self._at += 1
            wrong = self._source[self._start : self._at]
            raise LexicalError(f"bad number syntax: {quote(wrong)}")
        return self._token("number")

    def _literal(self, mark: str) -> Token:
        if mark == "`":
            end = self._source.find("`", self._at + 1)
            if end < 0:
                raise LexicalError("unterminated raw quoted string")
            self._at = end + 1
            return self._token("string")
        found = (_QUOTED if mark == '"' else _CHARACTER).match(self._source, self._at)
        if found is None:
            what = "quoted string" if mark == '"' else "character constant"
            raise LexicalError(f"unterminated {what}")
        self._at = found.end()
        return self._token("string" if mark == '"' else "character")


def unicode_name(char: str) -> str:
    """A character as Go's %#U shows it."""
    shown = f" '{char}'" if char.isprintable() else ""
    code = 0xFFFD if "\udc80" <= char <= "\udcff" else ord(char)
    return f"U+{code:04X}{shown}"
