"""Texts made safe for HTML, JavaScript and URLs, byte for byte as Go does it."""

from urllib.parse import quote_plus

from rules.templates.values import as_bytes

_HTML = {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def escape_html(text: str) -> str:
    return "".join(_HTML.get(char, char) for char in text)


def escape_js(text: str) -> str:
    return "".join(_js_char(char) for char in text)


def _js_char(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " " or not char.isprintable():
        code = 0xFFFD if "\udc80" <= char <= "\udcff" else ord(char)
        return f"\\u{code:04X}"
    return char


def escape_query(text: str) -> str:
    """For the query of a URL: a space becomes a plus sign."""
    return quote_plus(as_bytes(text), safe="-_.~")
