"""What is asked: the parameters of the query API, by their names there, as texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from storage.tenants.tenant import DEFAULT_TENANT

INSTANT, RANGE = "query", "query_range"


class QueryFailed(Exception):
    """A query that was not answered. kind: Prometheus' errorType."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind, self.text = kind, text


@dataclass(frozen=True, slots=True)
class Question:
    """endpoint: INSTANT or RANGE; tenant: one, or several as a header names them."""

    endpoint: str
    params: Mapping[str, str | list[str]]
    tenant: str = DEFAULT_TENANT
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """The parameters as a form is posted."""
        return urlencode(self.params, doseq=True)
