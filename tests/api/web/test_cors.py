"""Tests of the CORS headers."""

import pytest

from api.web.cors import ALLOWED, Cors

VARY = {"Vary": "Origin, Accept, Accept-Encoding"}


@pytest.mark.parametrize(
    ("allowed", "origin", "answer"),
    [
        (".*", None, None),
        (".*", "http://a", "*"),
        ("", "http://a", None),
        ("https?://(a|b)", "http://a", "http://a"),
        ("https?://(a|b)", "https://b", "https://b"),
        ("https?://(a|b)", "https://b.evil", None),
        ("https?://(a|b)", "evil http://a", None),
    ],
)
def test_headers(allowed: str, origin: str | None, answer: str | None) -> None:
    headers = Cors(allowed).headers(origin)
    if answer is None:
        assert headers == VARY
    else:
        assert headers == VARY | ALLOWED | {"Access-Control-Allow-Origin": answer}


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="^api.cors-origin: '\\('"):
        Cors("(")
