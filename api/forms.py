"""The raw parameters of a request: of its URL, and of a posted form of either kind.

They are read the way Go reads them. Of values of one name, those of a urlencoded form come first,
then those of the URL, then those of a multipart form. What is not escaped rightly is passed over.
"""

import re
from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache
from urllib.parse import unquote

from api.errors import BadData
from api.promql.go_format import quote

_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2}).{0,2}", re.DOTALL)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
PAIRS_KEPT_MAX = 1024
PAIR_CHARS_KEPT_MAX = 1024
FORM_ERROR = "error parsing form values"


class Params:
    """The raw values of a request's parameters, by name, in order.

    error: what was wrong with their encoding first; such pairs are not among the values.
    """

    def __init__(self, values: Mapping[str, list[str]], error: str = "") -> None:
        self._values = values
        self.error = error

    @classmethod
    def parse(
        cls,
        query: str,
        form: bytes = b"",
        *,
        parts: Sequence[tuple[str, str]] = (),
        fields_max: int = 1_000,
    ) -> "Params":
        """The parameters of a URL's query, of a urlencoded form, and the parts of a multipart one.

        Bytes that are not UTF-8 are kept as surrogate escapes. Raises BadData.
        """
        text = query
        if form:
            text = "&".join(
                part for part in (form.decode("ascii", "surrogateescape"), query) if part
            )
        if (text.count("&") + 1 if text else 0) + len(parts) > fields_max:
            raise BadData(f"too many parameters; api.max-form-fields allows {fields_max}")
        values: dict[str, list[str]] = {}
        first_error = ""
        for pair in filter(None, text.split("&")):
            read = read_pair if len(pair) > PAIR_CHARS_KEPT_MAX else _read_kept
            name, value, error = read(pair)
            if error:
                first_error = first_error or error
            else:
                values.setdefault(name, []).append(value)
        for name, value in parts:
            values.setdefault(name, []).append(value)
        return cls(values, first_error)

    def first(self, name: str) -> str:
        """The first value; "" if there is none, which is never told apart from an empty one."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])


def read_pair(pair: str) -> tuple[str, str, str]:
    """The name and the value of a urlencoded pair, and what is wrong with how it is escaped."""
    error = pair_error(pair)
    if error:
        return "", "", error
    name, _, value = pair.replace("+", " ").partition("=")
    return unquote(name, errors="surrogateescape"), unquote(value, errors="surrogateescape"), ""


# Clients say the same again and again, but for the time.
_read_kept = lru_cache(PAIRS_KEPT_MAX)(read_pair)


def pair_error(pair: str) -> str:
    if ";" in pair:
        return "invalid semicolon separator in query"
    for part in pair.split("=", 1):
        found = _BAD_ESCAPE.search(part)
        if found:
            return f"invalid URL escape {quote(found[0])}"
    return ""


def multipart_fields(
    content_type: str, body: bytes, *, fields_max: int = 1_000
) -> list[tuple[str, str]]:
    """The (name, value) of each part of a multipart form that is no file. Raises BadData."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary("")
    if not boundary:
        raise BadData(f"{FORM_ERROR}: no multipart boundary param in Content-Type")
    delimiter = re.escape(boundary.encode("utf-8", "surrogateescape"))
    pattern = re.compile(rb"(?:\A|\r?\n)--" + delimiter + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    fields: list[tuple[str, str]] = []
    begin: int | None = None
    for number, found in enumerate(pattern.finditer(body)):
        if number > fields_max:
            raise BadData(f"too many parameters; api.max-form-fields allows {fields_max}")
        if begin is not None:
            fields += part_field(body[begin : found.start()])
        if found[1] is not None:
            return fields
        begin = found.end()
    raise BadData(f"{FORM_ERROR}: multipart: the end of the form is missing")


def part_field(part: bytes) -> list[tuple[str, str]]:
    """The field of one part, with the line break before it; [] for one that is none."""
    blank = _BLANK_LINE.search(part)
    if blank is None:
        raise BadData(f"{FORM_ERROR}: multipart: a part without headers")
    headers = BytesHeaderParser().parsebytes(part[: blank.start()].lstrip(b"\r\n"))
    name = headers.get_param("name", None, "Content-Disposition")
    is_field = headers.get_content_disposition() == "form-data"
    if not is_field or headers.get_filename() is not None or not isinstance(name, str) or not name:
        return []
    return [(name, part[blank.end() :].decode("utf-8", "surrogateescape"))]
