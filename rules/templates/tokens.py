"""The parser's view of the tokens: up to three that were taken can be given back.

Errors name the line of the token that was scanned last, as Go's do.
"""

from rules.errors import TemplateError
from rules.templates.lexer import Token, tokens_of


class Tokens:
    """The tokens of one template; `action_line` is where the open action began, 0 if none is."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = tokens_of(source)
        self._kept: list[Token] = []  # the next token last
        self._taken: Token | None = None
        self._newest = Token("text", "", 0, 1)
        self.action_line = 0

    def next(self) -> Token:
        self._taken = self._kept.pop() if self._kept else self._scan()
        return self._taken

    def _scan(self) -> Token:
        # Nothing is scanned behind an error, and the end is found again and again.
        self._newest = next(self._source, self._newest)
        return self._newest

    def back(self) -> None:
        """Give back the token that was taken last."""
        assert self._taken is not None, "BUG: no token was taken"
        self._kept.append(self._taken)

    def back_to(self, *earlier: Token) -> None:
        """Give back `earlier` ones too, in their order; the next token behind them was taken."""
        if self._taken is not None and self._taken not in earlier and not self._kept:
            self._kept.append(self._taken)
        self._kept.extend(reversed(earlier))

    def peek(self) -> Token:
        token = self.next()
        self.back()
        return token

    def next_word(self) -> Token:
        """The next token that is no space."""
        while (token := self.next()).kind == "space":
            pass
        return token

    def peek_word(self) -> Token:
        token = self.next_word()
        self.back()
        return token

    def error(self, text: str) -> TemplateError:
        return TemplateError(f"template: {self._name}:{self._newest.line}: {text}")

    def unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind != "error":
            return self.error(f"unexpected {token} in {context}")
        begun = ""
        if self.action_line and self.action_line != token.line:
            begun = f" in action started at {self._name}:{self.action_line}"
            if token.text.endswith(" action"):
                begun = begun.removeprefix(" in action")
        return self.error(f"{token}{begun}")
