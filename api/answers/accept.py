"""Which types of content an Accept header wants, and which form of an answer is chosen by it."""

from collections.abc import Iterator
from email.message import Message
from enum import Enum
from functools import lru_cache

HEADERS_KEPT_MAX = 256
HEADER_CHARS_KEPT_MAX = 512
# A type, its parameters, and its weight, 0 to 1.
Wish = tuple[str, dict[str, str], float]


class Form(Enum):
    """How the data of an answer are written; the value is the content type."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"
    CSV = "text/csv"

    @property
    def content_type(self) -> str:
        return "text/csv; charset=utf-8; header=present" if self is Form.CSV else self.value


# Of a wish for several of them, JSON is what clients expect.
FORM_OF_TYPE = {form.value: form for form in Form} | {
    "*/*": Form.JSON,
    "application/*": Form.JSON,
    "text/*": Form.CSV,
}


def wishes(accept: str) -> Iterator[Wish]:
    """The types of an Accept header, in its order."""
    for text in filter(None, map(str.strip, accept.split(","))):
        message = Message()
        message["Content-Type"] = text
        params = {name: str(value) for name, value in message.get_params([])[1:]}
        yield message.get_content_type(), params, weight_of(params.get("q", "1"))


def weight_of(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def choose_form(accept: str) -> Form:
    """The known form of the highest weight, of equal ones the first; JSON if none is known, as for
    every client of Prometheus."""
    if not accept or accept == "*/*":
        return Form.JSON
    return _choose(accept) if len(accept) > HEADER_CHARS_KEPT_MAX else _choose_kept(accept)


def _choose(accept: str) -> Form:
    best, best_weight = Form.JSON, 0.0
    for kind, _, weight in wishes(accept):
        form = FORM_OF_TYPE.get(kind)
        if form is not None and weight > best_weight:
            best, best_weight = form, weight
    return best


_choose_kept = lru_cache(HEADERS_KEPT_MAX)(_choose)
