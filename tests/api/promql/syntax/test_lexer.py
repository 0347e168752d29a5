"""Tokens, and the errors about text that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.errors import ParseError
from api.promql.syntax.lexer import Lexer, Token


def lex(text: str) -> list[Token]:
    lexer = Lexer(text.encode("utf-8", "surrogateescape"))
    tokens = []
    while (token := lexer.next()).kind != "eof":
        tokens.append(token)
    return tokens


def kinds(text: str) -> str:
    return " ".join(token.kind for token in lex(text))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ""),
        ("a :b a:b _c9", "identifier metric identifier metric identifier identifier"),
        ("Sum BY oFFset", "sum by offset"),
        ("inf NaN infinity", "number number identifier"),
        ("1 1.5 .5 5. 0x1F 1e3 1_0", "number " * 6 + "number"),
        ("5m 1h30m 1.5h 1ms", "duration duration duration duration"),
        ("'a' \"b\" `c\\d\n`", "string string string"),
        ("== != <= >= < > = </ >/ / @", "== != <= >= < > = </ >/ / @"),
        ("a # b\n c", "identifier identifier"),
        ("fill (1) fill x", "fill ( number ) identifier identifier"),
        ("fill_left\n( fill_rightx(", None),
        ("{sum=~'x', on!~\"y\"} on", "{ identifier =~ string , identifier !~ string } on"),
        ("a[step() + 1m:5]", "identifier [ step ( ) + duration : number ]"),
        ("a[5 + MAX_OF(1,2)]", "identifier [ number + max_of ( number , number ) ]"),
        ("a[5m # c\n :]", "identifier [ duration : ]"),
    ],
)
def test_kinds(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(ParseError, match="unclosed left parenthesis"):
            kinds(text)
    else:
        assert kinds(text) == expected


def test_positions_are_bytes() -> None:
    assert [(t.start, t.end, t.text) for t in lex("'é' + b")] == [
        (0, 4, "'é'"),
        (5, 6, "+"),
        (7, 8, "b"),
    ]


@pytest.mark.parametrize(
    "text, start, message",
    [
        ("$a", 0, "unexpected character: '$'"),
        ("日", 0, "unexpected character: '日'"),
        ("'a", 0, "unterminated quoted string"),
        ("'a\n'", 0, "unterminated quoted string"),
        ("`a", 0, "unterminated raw string"),
        ("x + '\\", 4, "escape sequence not terminated"),
        ("'\\d'", 0, "unknown escape sequence U+0064 'd'"),
        ("'\\\n'", 0, "unknown escape sequence U+000A"),
        ("'\\\"'", 0, "unknown escape sequence U+0022 '\"'"),
        ("'\\08'", 0, "illegal character U+0038 '8' in escape sequence"),
        ("'\\400'", 0, "escape sequence is an invalid Unicode code point"),
        ("'\\ud800'", 0, "escape sequence is an invalid Unicode code point"),
        ("'\\U00110000'", 0, "escape sequence is an invalid Unicode code point"),
        ("'\\x4", 0, "escape sequence not terminated"),
        ("'\udcff'", 0, "invalid UTF-8 rune"),
        ("'\ufffd'", 0, "invalid UTF-8 rune"),
        ("!a", 0, "unexpected character after '!': 'a'"),
        ("!'", 0, "unexpected character after '!': '\\''"),
        ("!", 0, "unexpected character after '!': '\ufffd'"),
        ("=~", 0, "unexpected character after '=': '~'"),
        (")", 1, "unexpected right parenthesis ')'"),
        ("(", 1, "unclosed left parenthesis"),
        ("]", 0, "unexpected right bracket ']'"),
        ("}", 0, "unexpected character: '}'"),
        ("{", 1, "unexpected end of input inside braces"),
        ("{{", 1, "unexpected left brace '{'"),
        ("{1", 1, "unexpected character inside braces: '1'"),
        ("{!a", 1, "unexpected character after '!' inside braces: 'a'"),
        ("[", 1, "unexpected end of input in duration expression"),
        ("[5", 2, "unclosed left bracket"),
        ("[:", 2, "unexpected colon before duration in duration expression"),
        ("[5[", 2, "unexpected left bracket '['"),
        ("[5::", 3, "unexpected colon ':'"),
        ("[5m x", 4, "unexpected character: 'x', expected ':'"),
        ("[min(", 1, "unexpected character in duration expression: 'm'"),
        ("[a", 1, "unexpected character in duration expression: 'a'"),
    ],
)
def test_error(text: str, start: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        lex(text)
    assert (caught.value.start, caught.value.message) == (start, message)


@pytest.mark.parametrize(
    "text, named",
    [
        ("1e", "1e"),
        ("1_", "1_"),
        ("1__0", "1__"),
        ("1..5", "1.."),
        ("1.5.5", "1.5."),
        ("0b11", "0"),
        ("0x1.5", "0x1."),
        ("1h1", "1h1"),
        ("5minutes", "5mi"),
        ("5x", "5"),
    ],
)
def test_bad_numbers_are_named_as_far_as_they_were_read(text: str, named: str) -> None:
    with pytest.raises(ParseError) as caught:
        lex(text)
    assert caught.value.message == f'bad number or duration syntax: "{named}"'


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "end of input"),
        ("a", 'identifier "a"'),
        (":a", 'metric identifier ":a"'),
        ("By", "<By>"),
        ("fill (", "<fill>"),
        ("SUM", "<aggr:SUM>"),
        ("and", "<op:and>"),
        ("==", "<op:==>"),
        ("@", "<op:@>"),
        ("=", '"="'),
        ("start", '"start"'),
        ("5m", 'duration "5m"'),
        ("12345678901", 'number "1234567890"...'),
        ("'abc'", "string \"'abc'\""),
        ('"éééééé"', 'string "\\"éééééé\\""...'),
    ],
)
def test_description(text: str, expected: str) -> None:
    assert Lexer(text.encode()).next().describe() == expected


@pytest.mark.parametrize(
    "text, paren, expected",
    [("a(b) )", 5, 4), ("a(b  \n)", 6, 99), ("(b))", 3, 3), (" )", 1, 99)],
)
def test_previous_paren(text: str, paren: int, expected: int) -> None:
    assert Lexer(text.encode()).previous_paren_end(paren=paren, fallback=99) == expected


@given(st.binary())
def test_any_bytes_are_tokens_or_an_error(source: bytes) -> None:
    lexer = Lexer(source)
    position = 0
    try:
        while (token := lexer.next()).kind != "eof":
            assert position <= token.start < token.end <= len(source)
            position = token.end
    except ParseError as error:
        assert position <= error.start + 1 and error.start <= len(source)
