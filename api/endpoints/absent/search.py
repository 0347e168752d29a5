"""The experimental search endpoints, which answer as a Prometheus whose feature is off."""

from api.endpoints.handler import Call
from api.errors import Disabled


class SearchHandlers:
    """All of them are refused in the same way."""

    def refuse(self, call: Call) -> bytes:
        raise Disabled("search API disabled: Cupola does not have the feature search-api")
