"""Texts made safe, as Go's text/template does it."""

import pytest

from rules.templates.escaping import escape_html, escape_js, escape_query


@pytest.mark.parametrize(
    ("text", "html", "js", "query"),
    [
        ("plain", "plain", "plain", "plain"),
        (
            "<a b='c'>&\"",
            "&lt;a b=&#39;c&#39;&gt;&amp;&#34;",
            "\\u003Ca b\\u003D\\'c\\'\\u003E\\u0026\\\"",
            "%3Ca+b%3D%27c%27%3E%26%22",
        ),
        ("é\n\u200b", "é\n\u200b", "é\\u000A\\u200B", "%C3%A9%0A%E2%80%8B"),
        ("~-_.*\\", "~-_.*\\", "~-_.*\\\\", "~-_.%2A%5C"),
    ],
)
def test_escapes(text: str, html: str, js: str, query: str) -> None:
    assert escape_html(text) == html
    assert escape_js(text) == js
    assert escape_query(text) == query
