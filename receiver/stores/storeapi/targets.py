"""Scrape targets of a store, read from its messages.

TargetDiscovery  active = 1 ActiveTarget, dropped = 2 {discovered_labels = 1}
ActiveTarget     discovered_labels = 1, labels = 2, scrape_pool = 3, scrape_url = 4, global_url
                 = 5, last_error = 6, last_scrape = 7, last_scrape_duration = 8, health = 9
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from api.sources.others import Labels, OtherTargets, TargetFacts
from receiver.errors import CorruptBody
from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.fields import Message, read_message

HEALTH = ("down", "up", "unknown")


def read_targets(content: bytes) -> tuple[list[TargetFacts], list[Labels]]:
    """Targets that are scraped, and the labels of those that are not. Raises LyingStore."""
    try:
        found = read_message(content)
        active = [target_of(own) for own in found.messages(1)]
        return active, [own.labels(1) for own in found.messages(2)]
    except (CorruptBody, UnicodeDecodeError, ValueError) as error:
        raise LyingStore(f"its targets are damaged: {error}") from error


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


def as_one(
    active: Sequence[TargetFacts],
    dropped: Sequence[Labels],
    replica_labels: Sequence[str],
    losses: Sequence[str],
) -> OtherTargets:
    """Targets of all stores; of those that are equal without the labels of replicas, the one that
    was scraped last counts."""

    def rest(labels: Labels) -> Mapping[str, str]:
        return {name: text for name, text in labels.items() if name not in replica_labels}

    found: dict[object, TargetFacts] = {}
    for target in active:
        own = replace(target, labels=rest(target.labels), discovered=rest(target.discovered))
        key = (own.pool, own.url, tuple(sorted(own.labels.items())))
        if key not in found or (own.scraped_ns or 0) > (found[key].scraped_ns or 0):
            found[key] = own
    kept = {tuple(sorted(rest(labels).items())): rest(labels) for labels in dropped}
    return OtherTargets(list(found.values()), list(kept.values()), tuple(losses))
