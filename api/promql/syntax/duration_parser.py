"""The parser of duration expressions: what stands in the brackets of a range, or after offset.

    range    5m   90   step() + 1m   max_of(range(), 5m) * 2
    offset   5m   -step()   -(5m * 2)   min_of(step(), 1m)

After offset only parentheses hold arithmetic: a literal, step(), range(), max_of() or min_of() with
at most one sign is complete, and an operator behind it belongs to the expression around.

Operators wait on a stack of our own until a weaker one follows, so depth costs no recursion.
"""

from dataclasses import dataclass, field

from api.promql.features import Features
from api.promql.syntax.durations import parse_duration
from api.promql.syntax.lexer import Token
from api.promql.syntax.literals import parse_number
from api.promql.syntax.nodes import DurationExpr, NumberLiteral
from api.promql.syntax.tokens import TokenStream
from api.promql.syntax.vocabulary import DURATION_CHOICES, DURATION_VALUES, LITERALS

# What fits 64 bits of nanoseconds.
SECONDS_MAX = (1 << 63) / 1e9

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_SIGN_PRECEDENCE = 2


def parse_literal(tokens: TokenStream) -> NumberLiteral:
    """A number or duration, which is the next token. The value is in seconds."""
    token = tokens.take()
    try:
        if token.kind == "number":
            value = parse_number(token.text)
        else:
            duration_ms = parse_duration(token.text)
            value = duration_ms // 1000 + (duration_ms % 1000) / 1e3
    except ValueError as error:
        prefix = "error parsing number: " if token.kind == "number" else ""
        raise tokens.error(f"{prefix}{error}", token.start, token.end) from None
    return NumberLiteral(token.start, token.end, value, token.kind == "duration")


@dataclass(slots=True)
class _Waiting:
    """An operator whose right side is not complete. lhs None: a sign."""

    token: Token
    precedence: int
    lhs: DurationExpr | None


@dataclass(slots=True)
class _Open:
    """An open parenthesis, or max_of( and min_of( with the first argument if that is complete."""

    token: Token
    lhs: DurationExpr | None = None


@dataclass(slots=True)
class DurationParser:
    """Parses one duration expression.

    where, expected: how a syntax error anywhere in the expression is reported.
    """

    tokens: TokenStream
    features: Features
    where: str
    expected: str
    _stack: list[_Waiting | _Open] = field(default_factory=list)
    _open_count: int = 0

    def positive(self) -> DurationExpr:
        """A whole expression; a literal has to be above 0."""
        duration = self.whole()
        if not duration.op and duration.value <= 0:
            text = "duration must be greater than 0"
            raise self.tokens.error(text, duration.start, duration.end)
        return duration

    def offset(self) -> DurationExpr:
        """What follows offset: as little as makes a duration."""
        kind = self.tokens.peek().kind
        if kind == "(":
            return self.whole()
        if kind not in ("+", "-"):
            return self._single()
        sign = self.tokens.take()
        kind = self.tokens.peek().kind
        if kind in ("+", "-"):
            self._stack.append(_Waiting(sign, _SIGN_PRECEDENCE, None))
            return self.whole()
        if kind in LITERALS:
            return self._signed(sign, self._literal())
        return self._signed(sign, self._single())

    def whole(self) -> DurationExpr:
        """All that belongs to the expression."""
        while True:
            duration = self._operand()
            while duration is not None:
                operator = self.tokens.peek().kind
                precedence = _PRECEDENCE.get(operator, 0)
                duration = self._reduce(duration, operator, precedence)
                if precedence:
                    self._stack.append(_Waiting(self.tokens.take(), precedence, duration))
                    break
                if not self._open_count:
                    return duration
                duration = self._close(duration)

    def _single(self) -> DurationExpr:
        """A literal, step(), range(), or a construct in parentheses, and nothing behind it."""
        duration = self._operand()
        if duration is not None:
            return duration
        while True:
            if duration is None:
                duration = self._operand()
                continue
            operator = self.tokens.peek().kind
            precedence = _PRECEDENCE.get(operator, 0)
            duration = self._reduce(duration, operator, precedence)
            if precedence:
                self._stack.append(_Waiting(self.tokens.take(), precedence, duration))
                duration = None
                continue
            duration = self._close(duration)
            if duration is not None and not self._open_count:
                return duration

    def _operand(self) -> DurationExpr | None:
        """An operand; None if a sign or a parenthesis was taken, which an operand follows."""
        token = self.tokens.peek()
        if token.kind in LITERALS:
            literal = self._literal()
            self._check_size(literal, literal.start, literal.end)
            return literal
        if token.kind in DURATION_VALUES:
            return self._value()
        if token.kind in DURATION_CHOICES:
            self.tokens.take()
            self._expect("(")
            self._open(token)
        elif token.kind == "(":
            self._open(self.tokens.take())
        elif token.kind in ("+", "-"):
            self._stack.append(_Waiting(self.tokens.take(), _SIGN_PRECEDENCE, None))
        else:
            raise self._unexpected()
        return None

    def _open(self, token: Token) -> None:
        self._stack.append(_Open(token))
        self._open_count += 1

    def _literal(self) -> DurationExpr:
        literal = parse_literal(self.tokens)
        return DurationExpr(
            literal.start, literal.end, "", value=literal.value, is_duration=literal.is_duration
        )

    def _value(self) -> DurationExpr:
        token = self.tokens.take()
        self._expect("(")
        duration = DurationExpr(token.start, self._expect(")").end, token.kind)
        self._check_enabled(duration)
        return duration

    def _expect(self, kind: str) -> Token:
        token = self.tokens.take_if(kind)
        if token is None:
            raise self._unexpected()
        return token

    def _reduce(self, rhs: DurationExpr, operator: str, precedence: int) -> DurationExpr:
        """Complete the waiting operators that bind stronger than the one that follows."""
        while self._stack:
            top = self._stack[-1]
            if isinstance(top, _Open) or top.precedence < precedence:
                break
            if top.precedence == precedence and operator == "^":
                break
            self._stack.pop()
            rhs = self._binary(top, rhs) if top.lhs is not None else self._signed(top.token, rhs)
        return rhs

    def _binary(self, waiting: _Waiting, rhs: DurationExpr) -> DurationExpr:
        lhs, token = waiting.lhs, waiting.token
        assert lhs is not None, "BUG: a sign is no binary operator"
        self._check_enabled(lhs)
        if token.kind in "/%" and not rhs.op and rhs.value == 0:
            what = "division" if token.kind == "/" else "modulo"
            raise self.tokens.error(f"{what} by zero", token.start, token.end)
        return DurationExpr(lhs.start, rhs.end, token.kind, lhs, rhs)

    def _signed(self, sign: Token, duration: DurationExpr) -> DurationExpr:
        if not duration.op:
            if sign.kind == "-":
                duration.value = -duration.value
            self._check_size(duration, sign.start, sign.end)
            duration.start = sign.start
            return duration
        if sign.kind == "+":
            return duration
        return DurationExpr(sign.start, duration.end, "-", None, duration)

    def _close(self, duration: DurationExpr) -> DurationExpr | None:
        """End the innermost parenthesis, or its first argument; None if another one follows."""
        top = self._stack[-1]
        assert isinstance(top, _Open), "BUG: an operator was left waiting"
        is_choice = top.token.kind in DURATION_CHOICES
        if is_choice and top.lhs is None:
            self._expect(",")
            top.lhs = duration
            return None
        end = self._expect(")").end
        self._stack.pop()
        self._open_count -= 1
        if is_choice:
            choice = DurationExpr(top.token.start, end, top.token.kind, top.lhs, duration)
            self._check_enabled(choice)
            return choice
        self._check_enabled(duration)
        if not duration.op:
            # A literal has no place for the parentheses, which are kept for printing.
            duration = DurationExpr(duration.start, duration.end, "+", None, duration)
        duration.wrapped = True
        return duration

    def _check_enabled(self, duration: DurationExpr) -> None:
        if not self.features.duration_expr:
            text = "experimental duration expression is not enabled"
            raise self.tokens.error(text, duration.start, duration.end)

    def _check_size(self, duration: DurationExpr, start: int, end: int) -> None:
        if abs(duration.value) > SECONDS_MAX:
            raise self.tokens.error("duration out of range", start, end)

    def _unexpected(self) -> Exception:
        return self.tokens.unexpected(self.where, self.expected)
