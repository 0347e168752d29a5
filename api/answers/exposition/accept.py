"""Which format a scraper wants, by its Accept header: the best one that is known.

Of formats that are wanted alike the first one counts. One that is not known is passed over, and
without any that is, it is text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from api.answers.accept import wishes

FAMILY = "io.prometheus.client.MetricFamily"


class Form(Enum):
    """How samples are written; the value is the content type, without the escaping of names."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    TEXT_1 = "text/plain; version=1.0.0; charset=utf-8"
    OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    PROTOBUF = f"application/vnd.google.protobuf; proto={FAMILY}; encoding=delimited"


@dataclass(frozen=True, slots=True)
class Format:
    """A form, and whether names may have any character; else those that none of the older readers
    knows become underscores."""

    form: Form = Form.TEXT
    any_names: bool = False

    @property
    def content_type(self) -> str:
        escaping = "allow-utf-8" if self.any_names else "underscores"
        return f"{self.form.value}; escaping={escaping}"


def choose_format(accept: str) -> Format:
    """The format for an Accept header."""
    best, best_weight = Format(), 0.0
    for kind, params, weight in wishes(accept):
        form = form_of(kind, params)
        if form is not None and weight > best_weight:
            best = Format(form, params.get("escaping") == "allow-utf-8")
            best_weight = weight
    return best


def form_of(kind: str, params: Mapping[str, str]) -> Form | None:
    version = params.get("version", "")
    if kind == "application/vnd.google.protobuf":
        delimited = params.get("encoding", "delimited") == "delimited"
        return Form.PROTOBUF if delimited and params.get("proto", FAMILY) == FAMILY else None
    if kind == "application/openmetrics-text":
        return Form.OPEN_METRICS if version in ("", "0.0.1", "1.0.0") else None
    if kind == "text/plain":
        if version == "1.0.0":
            return Form.TEXT_1
        return Form.TEXT if version in ("", "0.0.4") else None
    return Form.TEXT if kind in ("text/*", "*/*") else None
