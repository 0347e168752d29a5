"""Label names as they stand in the path of a request."""

import re

from api.errors import BadData
from api.promql.go_format import quote

_ESCAPE = re.compile(r"_([0-9a-fA-F]{0,6})_|[^_]+", re.ASCII)


def unescape_label_name(text: str) -> str:
    """The label name that a path segment stands for.

    After the prefix `U__`, a doubled underscore stands for one, and `_2e_` for the character of
    that hexadecimal number; what is not escaped so is taken as it is. Raises BadData.
    """
    name = _unescape(text[3:]) if text.startswith("U__") else text
    name = text if name is None else name
    if not name or any("\ud800" <= c <= "\udfff" for c in name):
        raise BadData(f"invalid label name: {quote(name)}")
    return name


def _unescape(text: str) -> str | None:
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = _ESCAPE.match(text, position)
        if match is None:
            return None
        position = match.end()
        code = match[1]
        if code is None:
            parts.append(match[0])
        elif code == "":
            parts.append("_")
        elif _is_character(int(code, 16)):
            parts.append(chr(int(code, 16)))
        else:
            return None
    return "".join(parts)


def _is_character(code: int) -> bool:
    return code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
