"""Look-ahead, ends of expressions and errors about tokens."""

from api.promql.errors import ParseError
from api.promql.syntax.tokens import TokenStream


def test_peek_does_not_take() -> None:
    tokens = TokenStream(b"a + b")
    assert tokens.peek() is tokens.peek() is tokens.take()
    assert tokens.take_if("-") is None
    plus = tokens.take_if("+")
    assert plus is not None and plus.start == 2


def test_tokens_are_lexed_only_when_looked_at() -> None:
    tokens = TokenStream(b"a $")
    assert tokens.take().text == "a"
    try:
        tokens.peek()
    except ParseError as error:
        assert error.start == 2
    else:
        raise AssertionError("the bad character was not found")


def test_closing_end_follows_what_can_end_an_expression() -> None:
    tokens = TokenStream(b"(a ) + 5m")
    ends: list[int] = []
    while len(ends) < 5:
        tokens.take()
        ends.append(tokens.closing_end)
    assert ends == [0, 0, 4, 4, 9]


def test_unexpected() -> None:
    tokens = TokenStream(b"a b")
    tokens.take()
    assert str(tokens.unexpected()) == '1:3: parse error: unexpected identifier "b"'
    error = tokens.unexpected("label matching", "string")
    assert error.message == 'unexpected identifier "b" in label matching, expected string'
    assert (error.start, error.end) == (2, 3)


def test_an_empty_text_has_no_positions() -> None:
    error = TokenStream(b"").error("nothing", 0, 0)
    assert str(error) == "unknown position: parse error: nothing"
