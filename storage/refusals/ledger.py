"""The ledger of refusals: what was refused of late, why, and who had sent it.

A refusal is reported to its sender, who may log its beginning, or not. Whoever sees a gap in a
graph later asks here. An entry stands for one series (or none, where a whole request was refused),
refused for one reason, from one sender; it keeps the newest example and counts.

Of a request that is refused by the thousand a few examples are noted, so that a flood costs little;
`Tally` counts all of them, by tenant and reason. An entry's count is thus at least so many.

Invariants:
* There are at most `entries_max` entries and as many tallies; those refused longest ago go first.
* Texts of senders are cut to TEXT_CHARS_MAX.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from storage.batch import Example, Reject
from storage.labels.matchers import Matcher, text_test

TEXT_CHARS_MAX = 300
# A tenant that is refused for one reason again and again is logged so often.
LOG_EVERY_MS = 10_000

# Takes a tenant, and what of its samples storage refused after their senders had the answer.
RefusalSink = Callable[[str, Sequence[Reject]], object]
LabelTest = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a request: its network address, and the program by its own words."""

    address: str = ""
    user_agent: str = ""


@dataclass(slots=True)
class Entry:
    """Refusals of one series for one reason. sample: the newest one; None: of a whole request.

    Times are wall-clock ms at which requests came.
    """

    tenant: str
    reason: str
    sender: Sender
    first_ms: int
    last_ms: int
    message: str
    sample: Example | None
    count: int = 0


@dataclass(slots=True)
class Tally:
    """All refusals of a tenant for one reason; count: samples, or requests refused as a whole."""

    tenant: str
    reason: str
    first_ms: int
    last_ms: int
    count: int = 0
    logged_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """What the ledger has of some tenants: newest refusals first."""

    entries: list[Entry]
    tallies: list[Tally]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to report. reasons: any of them, all if empty; matcher_sets: any of them has
    to accept the series' labels, and without one series-less entries are reported, too."""

    reasons: frozenset[str] = frozenset()
    matcher_sets: Sequence[Sequence[Matcher]] = ()
    limit: int = 0  # 0: no limit


@dataclass
class RejectLedger:
    """Refusals of all tenants, in memory only. Thread-safe."""

    entries_max: int
    _entries: OrderedDict[tuple[object, ...], Entry] = field(default_factory=OrderedDict)
    _tallies: OrderedDict[tuple[str, str], Tally] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, tenant: str, rejects: Iterable[Reject], sender: Sender, now_ms: int) -> bool:
        """Enter what was refused of a request that came at now_ms.

        Returns whether it is to be logged: for some of the reasons nothing of the tenant was in the
        last LOG_EVERY_MS.
        """
        sender = Sender(shortened(sender.address), shortened(sender.user_agent))
        due = False
        with self._lock:
            for reject in rejects:
                tally = self._count(tenant, reject, now_ms)
                for example in reject.examples or (None,):
                    self._enter(tenant, reject, example, sender, now_ms)
                if tally.logged_ms is None or now_ms - tally.logged_ms >= LOG_EVERY_MS:
                    tally.logged_ms = now_ms
                    due = True
        return due

    def extract(self, tenants: Sequence[str], wanted: Wanted) -> Extract:
        """What is known of the tenants; the tallies whatever is wanted of series."""
        tests = [label_test(matchers) for matchers in wanted.matcher_sets]
        with self._lock:  # later refusals change entries in place
            entries = [replace(entry) for entry in self._entries.values()]
            tallies = [replace(tally) for tally in self._tallies.values()]
        of = frozenset(tenants)
        reasons = wanted.reasons
        found = [e for e in reversed(entries) if e.tenant in of and passes(e, reasons, tests)]
        counted = [t for t in reversed(tallies) if t.tenant in of]
        if reasons:
            counted = [tally for tally in counted if tally.reason in reasons]
        return Extract(found[: wanted.limit or None], counted)

    def _count(self, tenant: str, reject: Reject, now_ms: int) -> Tally:
        key = (tenant, reject.reason)
        tally = self._tallies.setdefault(key, Tally(tenant, reject.reason, now_ms, now_ms))
        tally.count += reject.count
        tally.last_ms = now_ms
        self._tallies.move_to_end(key)
        if len(self._tallies) > self.entries_max:
            self._tallies.popitem(last=False)
        return tally

    def _enter(
        self, tenant: str, reject: Reject, example: Example | None, sender: Sender, now_ms: int
    ) -> None:
        series = None if example is None else tuple(sorted(example.labels.items()))
        key = (tenant, reject.reason, sender, series)
        message = shortened(reject.message)
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(tenant, reject.reason, sender, now_ms, now_ms, message, example)
            self._entries[key] = entry
        entry.count += 1
        entry.last_ms, entry.message, entry.sample = now_ms, message, example
        self._entries.move_to_end(key)
        if len(self._entries) > self.entries_max:
            self._entries.popitem(last=False)


def passes(entry: Entry, reasons: frozenset[str], tests: Sequence[LabelTest]) -> bool:
    """Whether the reason is wanted, and some test accepts the labels, if there is one."""
    if reasons and entry.reason not in reasons:
        return False
    if not tests:
        return True
    sample = entry.sample
    return sample is not None and any(test(sample.labels) for test in tests)


def label_test(matchers: Sequence[Matcher]) -> LabelTest:
    """Whether labels pass all matchers; an absent label is the empty text."""
    tests = [(matcher.name, text_test(matcher)) for matcher in matchers]
    return lambda labels: all(test(labels.get(name, "")) for name, test in tests)


def shortened(text: str) -> str:
    return text[:TEXT_CHARS_MAX]
