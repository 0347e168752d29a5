"""The endpoints about scraping. Senders scrape, a receiver has no targets and no scrape pools."""

import msgspec

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.errors import BadData, invalid_parameter
from api.params import limit_number, selector_of
from api.promql.go_format import quote


class TargetHandlers:
    """The endpoints of a program that scrapes nothing."""

    def targets(self, call: Call) -> bytes:
        """Parts that `state` does not choose are there, too, but counts of what was dropped."""
        state = call.params.first("state").lower()
        data: dict[str, object] = {"activeTargets": [], "droppedTargets": []}
        dropped = state in ("", "any", "dropped")
        return encode_data(data | {"droppedTargetCounts": {} if dropped else None})

    def metadata(self, call: Call) -> bytes:
        limit_number(call.params, "limit")
        if call.params.first("match_target"):
            try:
                selector_of(call.params.first("match_target"))
            except BadData as error:
                raise invalid_parameter("match_target", error) from None
        return encode_data([])

    def relabel_steps(self, call: Call) -> bytes:
        """Always an error: there is no pool whose steps could be shown."""
        pool = required(call, "scrapePool")
        labels = required(call, "labels")
        try:
            msgspec.json.decode(labels.encode("utf-8", "replace"), type=dict[str, str])
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadData(f"error parsing labels: {error}") from None
        raise BadData(f"error retrieving scrape config: {no_pool(pool)}")

    def scrape_pools(self, call: Call) -> bytes:
        return encode_data({"scrapePools": []})

    def scrape_pool_config(self, call: Call) -> bytes:
        """Always an error, as relabel_steps."""
        raise BadData(no_pool(required(call, "scrapePool")))


def required(call: Call, name: str) -> str:
    value = call.params.first(name)
    if not value:
        raise BadData(f"no {name} parameter provided")
    return value


def no_pool(name: str) -> str:
    return f"scrape pool {quote(name)} not found"
