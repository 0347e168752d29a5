"""Scrape targets of a store, read from its messages.

TargetDiscovery  active = 1 ActiveTarget, dropped = 2 {discovered_labels = 1}
ActiveTarget     discovered_labels = 1, labels = 2, scrape_pool = 3, scrape_url = 4, global_url
                 = 5, last_error = 6, last_scrape = 7, last_scrape_duration = 8, health = 9
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from api.sources.others import Labels, OtherTargets, TargetFacts
from receiver.stores.storeapi.fields import Message, read_message, reading

HEALTH = ("down", "up", "unknown")
# Targets that are scraped, and the labels of those that are not.
Targets = tuple[list[TargetFacts], list[Labels]]


def read_targets(content: bytes) -> Targets:
    """Raises LyingStore."""
    with reading("its targets are"):
        found = read_message(content)
        active = [target_of(own) for own in found.messages(1)]
        return active, [own.labels(1) for own in found.messages(2)]


def target_of(target: Message) -> TargetFacts:
    health = target.number(9)
    return TargetFacts(
        discovered=target.labels(1),
        labels=target.labels(2),
        pool=target.text(3),
        url=target.text(4),
        global_url=target.text(5),
        error=target.text(6),
        scraped_ns=target.time_ns(7),
        seconds=target.real(8),
        health=HEALTH[health] if 0 <= health < len(HEALTH) else HEALTH[-1],
    )


def of_tenant(found: Targets, label: str, tenant: str) -> Targets:
    """Those that have a label whose value is the tenant."""
    active, dropped = found
    own = [t for t in active if tenant in (t.labels.get(label), t.discovered.get(label))]
    return own, [labels for labels in dropped if labels.get(label) == tenant]


def as_one(
    active: Sequence[TargetFacts],
    dropped: Sequence[Labels],
    hidden: Sequence[str],
    losses: Sequence[str],
) -> OtherTargets:
    """Targets of all stores; of those that are equal without the hidden labels, such as those of
    replicas, the one that was scraped last counts."""

    def rest(labels: Labels) -> Mapping[str, str]:
        return {name: text for name, text in labels.items() if name not in hidden}

    found: dict[object, TargetFacts] = {}
    for target in active:
        own = replace(target, labels=rest(target.labels), discovered=rest(target.discovered))
        key = (own.pool, own.url, tuple(sorted(own.labels.items())))
        if key not in found or (own.scraped_ns or 0) > (found[key].scraped_ns or 0):
            found[key] = own
    kept = {tuple(sorted(rest(labels).items())): rest(labels) for labels in dropped}
    return OtherTargets(list(found.values()), list(kept.values()), tuple(losses))
