"""The endpoints about scraping. Senders scrape, a receiver has no targets and no scrape pools; what
other stores scrape is shown.
"""

from collections.abc import Iterator

import msgspec

from api.answers.encoding import Notes, encode_data
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData, invalid_parameter
from api.params import limit_number, selector_of
from api.promql.go_format import quote
from api.sources.others import NO_OTHERS, Others, TargetFacts
from api.times import rfc3339_of_ns


class TargetHandlers:
    """The endpoints of a program that scrapes nothing itself."""

    def __init__(self, others: Others = NO_OTHERS) -> None:
        self._others = others

    def targets(self, call: Call) -> Job:
        """Parts that `state` does not choose are there, too, but counts of what was dropped."""
        state = call.params.first("state").lower()
        pool = call.params.first("scrapePool")

        def run(turn: Slot) -> Iterator[bytes]:
            found = [self._others.targets(tenant) for tenant in call.tenants]
            active = [target for own in found for target in own.active]
            if pool:
                active = [target for target in active if target.pool == pool]
            dropped = [{"discoveredLabels": dict(each)} for own in found for each in own.dropped]
            is_dropped, is_active = (state in ("", "any", each) for each in ("dropped", "active"))
            data: dict[str, object] = {
                "activeTargets": [target_data(target) for target in active] if is_active else [],
                "droppedTargets": dropped if is_dropped else [],
                "droppedTargetCounts": {} if is_dropped else None,
            }
            losses = dict.fromkeys(loss for own in found for loss in own.losses)
            yield encode_data(data, Notes(warnings=tuple(losses)))

        return Job(run)

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


def target_data(target: TargetFacts) -> dict[str, object]:
    """A target as JSON values, in Prometheus' order. How often it is scraped is not known."""
    return {
        "discoveredLabels": dict(target.discovered),
        "labels": dict(target.labels),
        "scrapePool": target.pool,
        "scrapeUrl": target.url,
        "globalUrl": target.global_url,
        "lastError": target.error,
        "lastScrape": rfc3339_of_ns(target.scraped_ns),
        "lastScrapeDuration": target.seconds,
        "health": target.health,
    }


def required(call: Call, name: str) -> str:
    value = call.params.first(name)
    if not value:
        raise BadData(f"no {name} parameter provided")
    return value


def no_pool(name: str) -> str:
    return f"scrape pool {quote(name)} not found"
