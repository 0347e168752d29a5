"""Tests of raw parameters: what is taken from URLs and forms, and what is passed over."""

import pytest

from api.errors import BadData
from api.forms import Params, multipart_fields


def test_the_form_comes_before_the_url() -> None:
    got = Params.parse("query=a&match[]=1&x=", b"query=b&match%5B%5D=2&match%5B%5D=3+4%2B")
    assert got.first("query") == "b"
    assert got.all("match[]") == ["2", "3 4+", "1"]
    assert got.first("x") == got.first("nothing") == ""
    assert got.all("nothing") == []


def test_bytes_that_are_not_utf8_are_kept() -> None:
    assert Params.parse("query=%ff").first("query") == "\udcff"
    assert Params.parse("", b"query=\xff%C3%BC").first("query") == "\udcff\xfc"


def test_too_many_fields_are_refused() -> None:
    assert Params.parse("a&" * 4 + "a", fields_max=5).first("a") == ""
    with pytest.raises(BadData, match="api.max-form-fields allows 5"):
        Params.parse("a&a&a", b"a&a&a", fields_max=5)
    assert Params.parse("a=1&b=2", parts=[("a", "3")], fields_max=3).all("a") == ["1", "3"]
    assert Params.parse("", parts=[("a", "3")], fields_max=1).all("a") == ["3"]
    with pytest.raises(BadData, match="api.max-form-fields allows 2"):
        Params.parse("a=1&b=2", parts=[("a", "3")], fields_max=2)


@pytest.mark.parametrize(
    ("query", "values", "error"),
    [
        ("x=a%20b", ["a b"], ""),
        ("x=%", [], 'invalid URL escape "%"'),
        ("x=a%z", [], 'invalid URL escape "%z"'),
        ("x=%zzz&x=1", ["1"], 'invalid URL escape "%zz"'),
        ("%g1=1&x=2", ["2"], 'invalid URL escape "%g1"'),
        ("x=1;y=2&x=3", ["3"], "invalid semicolon separator in query"),
        ("x=%3b", [";"], ""),
        ("x=1;2&x=%&x=3&y", ["3"], "invalid semicolon separator in query"),
        ("x=%=&x=a=b", ["a=b"], 'invalid URL escape "%="'),
        ("x=%\udcff1", [], r'invalid URL escape "%\xff1"'),
    ],
)
def test_what_is_escaped_wrongly_is_passed_over(query: str, values: list[str], error: str) -> None:
    got = Params.parse(query)
    assert (got.all("x"), got.error) == (values, error)


def part(value: bytes, disposition: bytes = b'form-data; name="x"', more: bytes = b"") -> bytes:
    return b"Content-Disposition: %s\r\n%s\r\n%s\r\n" % (disposition, more, value)


def form(*parts: bytes) -> bytes:
    return b"".join(b"--bo-.u\r\n" + each for each in parts) + b"--bo-.u--\r\n"


TYPE = "multipart/form-data; boundary=bo-.u"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (form(), []),
        (form(part(b"1")), [("x", "1")]),
        (form(part(b"")), [("x", "")]),
        (form(part(b"a\r\n--bo\r\n\r\nb")), [("x", "a\r\n--bo\r\n\r\nb")]),
        (
            form(part(b"1"), part(b"2", b'form-data; name="match[]"')),
            [("x", "1"), ("match[]", "2")],
        ),
        (form(part(b"\xff\xc3\xa4")), [("x", "\udcff\xe4")]),
        (form(part(b"1", more=b"Content-Type: text/plain\r\n")), [("x", "1")]),
        (form(part(b"1", b'form-data; name="x"; filename="f"')), []),
        (form(part(b"1", b"form-data"), part(b"1", b'inline; name="x"')), []),
        (form(part(b"1")).replace(b"\r\n", b"\n"), [("x", "1")]),
        (b"before\r\n" + form(part(b"1")) + b"after", [("x", "1")]),
        (form(part(b"1")).replace(b"u\r", b"u \t\r"), [("x", "1")]),
    ],
)
def test_multipart_forms(body: bytes, fields: list[tuple[str, str]]) -> None:
    assert multipart_fields(TYPE, body) == fields
    assert multipart_fields(TYPE.replace("bo-.u", '"bo-.u"'), body) == fields


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("multipart/form-data", form(part(b"1")), "no multipart boundary param in Content-Type"),
        (TYPE, b"", "the end of the form is missing"),
        (TYPE, form(part(b"1"))[:-4], "the end of the form is missing"),
        (TYPE, form(b"x\r\n"), "a part without headers"),
    ],
)
def test_damaged_multipart_forms(content_type: str, body: bytes, error: str) -> None:
    with pytest.raises(BadData, match=f"^error parsing form values: (multipart: )?{error}$"):
        multipart_fields(content_type, body)


def test_too_many_parts_are_refused() -> None:
    body = form(*[part(b"1")] * 5)
    assert len(multipart_fields(TYPE, body, fields_max=5)) == 5
    with pytest.raises(BadData, match="api.max-form-fields allows 4"):
        multipart_fields(TYPE, body, fields_max=4)


def test_pairs_that_were_read_before_are_read_again() -> None:
    for _ in range(2):
        got = Params.parse("x=a+b&&y&x=%63&=&" + "z=" + "9" * 2_000)
        assert got.all("x") == ["a b", "c"]
        assert (got.first("y"), got.all(""), len(got.first("z"))) == ("", [""], 2_000)
        assert Params.parse("x=%").error == 'invalid URL escape "%"'
