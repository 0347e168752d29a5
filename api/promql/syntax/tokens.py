"""The tokens of one query with a single token of look-ahead, and the errors about them."""

from api.promql.errors import ParseError
from api.promql.syntax.lexer import Lexer, Token

_CLOSING = frozenset({"}", ")", "]", "number", "duration"})


class TokenStream:
    """Tokens are lexed when they are looked at, so that lexical errors come in their turn.

    closing_end: the end of the last token looked at that can end an expression.
    """

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.closing_end = 0
        self._lexer = Lexer(source)
        self._ahead: Token | None = None

    def peek(self) -> Token:
        if self._ahead is None:
            self._ahead = token = self._lexer.next()
            if token.kind in _CLOSING:
                self.closing_end = token.end
        return self._ahead

    def take(self) -> Token:
        token = self.peek()
        self._ahead = None
        return token

    def take_if(self, kind: str) -> Token | None:
        """The next token if it is of this kind."""
        return self.take() if self.peek().kind == kind else None

    def call_end(self) -> int:
        """The end of an aggregation whose ")" is followed by the token looked at."""
        token = self.peek()
        if token.kind != ")":
            return self.closing_end
        return self._lexer.previous_paren_end(paren=token.start, fallback=self.closing_end)

    def error(self, message: str, start: int, end: int) -> ParseError:
        # An empty text has no positions.
        return ParseError(message, start if self.source else -1, end, self.source)

    def unexpected(self, context: str = "", expected: str = "") -> ParseError:
        """The error about the next token."""
        token = self.peek()
        message = f"unexpected {token.describe()}"
        if context:
            message += f" in {context}"
        if expected:
            message += f", expected {expected}"
        return self.error(message, token.start, token.end)
