"""The ruler: all groups of all tenants, from their sources to the threads that evaluate them.

One thread, the clock, looks at the sources and gives groups that are due to the turns; the threads
of the turns run them and note when they are due next. A group that changed is replaced between two
of its iterations, one that is gone ends its series two intervals later, so that a renamed one can
take them over.

Invariants:
* A group is in the agenda, or it is busy: waiting for its turn or running.
* Series of a group are ended once it is gone for good, never when the process stops.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rules.groups import Group
from rules.ruler.agenda import Agenda
from rules.ruler.columns import Labelsets
from rules.ruler.group import RunningGroup
from rules.ruler.ports import Memory, NotWritten, RuleSource
from rules.ruler.status import GroupStatus
from rules.ruler.terms import Services, Terms
from rules.ruler.turns import Turns
from storage.catalog.rule_states import GroupKey
from storage.errors import StorageError

logger = logging.getLogger(__name__)

LOOK_S = 1.0
INTERVALS_BEFORE_FAREWELL = 2
# A clock is adjusted by so little now and then; only more than this is a clock that was set back.
CLOCK_SLACK_MS = 1_000


@dataclass(slots=True, eq=False)
class Entry:
    """A group and what is to become of it. successor: what replaces it once it is not busy.
    gone_ms: since when it is in no source."""

    group: RunningGroup
    is_busy: bool = False
    successor: Group | None = None
    gone_ms: int | None = None


class Ruler:
    """All groups. start() and stop() once each; the rest for any thread."""

    def __init__(
        self, sources: Sequence[RuleSource], memory: Memory, services: Services, turns: Turns
    ) -> None:
        self._sources = sources
        self._memory = memory
        self._services = services
        self._turns = turns
        self._wake = threading.Condition(threading.RLock())
        self._entries: dict[GroupKey, Entry] = {}
        self._agenda: Agenda[Entry] = Agenda()
        self._versions: list[int] | None = None
        self._clock_ms = 0
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="rules-clock", daemon=True)

    def start(self) -> None:
        """Begin, from what was kept. Raises StorageError."""
        self._services.keeper.start()
        self._turns.start()
        self.load()
        self._thread.start()

    def stop(self) -> None:
        """Wait for what runs and for notices to be delivered, and keep how far it came."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._turns.stop()
        self._services.notifier.drain()
        for group in self.running():
            group.leave()
        self._services.keeper.stop()

    def groups(self, tenant: str) -> list[GroupStatus]:
        """Those of one tenant, by file and name."""
        return [group.status() for group in self.running() if group.tenant == tenant]

    def running(self) -> list[RunningGroup]:
        """All groups that there are, by tenant, file and name."""
        with self._wake:
            entries = [entry for entry in self._entries.values() if entry.gone_ms is None]
        return sorted((entry.group for entry in entries), key=lambda group: group.key)

    @property
    def waiting(self) -> int:
        """How many groups wait for their turn."""
        return self._turns.waiting

    def load(self) -> None:
        """Take up the groups of the sources where an earlier process left them."""
        saved = self._memory.load()
        now_ms = self._services.now_ms()
        for key, group in self._wanted().items():
            hold_ms = now_ms + self._services.terms_of(key[0]).settle_ms
            running = RunningGroup(
                key[0], group, self._services, saved.get(key), hold_until_ms=hold_ms
            )
            self._add(key, running)
        gone = [key for key in saved if key not in self._entries]
        for key in gone:
            self._services.keeper.forget(key)

    def look(self) -> None:
        """Take over what is new in the sources."""
        try:
            versions = [source.current().version for source in self._sources]
            if versions == self._versions:
                return
            wanted = self._wanted()
        except StorageError as error:
            logger.error("groups of rules cannot be read error=%r", str(error))
            return
        with self._wake:
            for key in self._entries.keys() - wanted.keys():
                self._remove(self._entries[key])
            for key, group in wanted.items():
                entry = self._entries.get(key)
                if entry is None:
                    self._add(key, RunningGroup(key[0], group, self._services))
                elif entry.gone_ms is not None or group != self._coming(entry):
                    entry.successor, entry.gone_ms = group, None
                    if not entry.is_busy:
                        self._replace(entry)

    def hand_out(self, now_ms: int) -> None:
        """Give groups that are due to the turns."""
        with self._wake:
            if now_ms < self._clock_ms - CLOCK_SLACK_MS:
                self._mind_the_clock()
            self._clock_ms = now_ms
            for entry in self._agenda.take_due(now_ms):
                entry.is_busy = True
                self._turns.put(entry.group.tenant, partial(self._turn, entry))

    def _run(self) -> None:
        while not self._is_stopping:
            self.look()
            self.hand_out(self._services.now_ms())
            with self._wake:
                if not self._is_stopping:
                    self._wake.wait(self._pause_s())

    def _pause_s(self) -> float:
        next_ms = self._agenda.next_ms()
        if next_ms is None:
            return LOOK_S
        return min(LOOK_S, max(0.0, (next_ms - self._services.now_ms()) / 1000))

    def _wanted(self) -> dict[GroupKey, Group]:
        """The groups of all sources that may run."""
        sets = [source.current() for source in self._sources]
        by_tenant: dict[str, list[Group]] = {}
        for found in sets:
            for tenant, groups in found.groups.items():
                by_tenant.setdefault(tenant, []).extend(groups)
        self._versions = [found.version for found in sets]
        return {
            (tenant, group.file, group.name): group
            for tenant, groups in by_tenant.items()
            for group in admitted(tenant, groups, self._services.terms_of(tenant))
        }

    def _add(self, key: GroupKey, group: RunningGroup) -> None:
        with self._wake:
            entry = self._entries[key] = Entry(group)
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        self._agenda.put(entry, entry.group.due_ms)
        self._wake.notify_all()

    def _coming(self, entry: Entry) -> Group:
        return entry.successor or entry.group.group

    def _replace(self, entry: Entry) -> None:
        group, entry.successor = entry.successor, None
        assert group is not None, "BUG: a group is replaced by none"
        old = entry.group
        entry.group = RunningGroup(old.tenant, group, self._services)
        entry.group.adopt(old)
        self._put(entry)

    def _remove(self, entry: Entry) -> None:
        if entry.gone_ms is None:
            entry.gone_ms = self._services.now_ms()
            if not entry.is_busy:
                self._put_farewell(entry)

    def _put_farewell(self, entry: Entry) -> None:
        assert entry.gone_ms is not None, "BUG: a farewell of a group that is not gone"
        wait_ms = INTERVALS_BEFORE_FAREWELL * entry.group.interval_ms
        self._agenda.put(entry, entry.gone_ms + wait_ms)
        self._wake.notify_all()

    def _turn(self, entry: Entry) -> None:
        """One iteration of a group, or the last that is heard of it. In a thread of the turns."""
        try:
            if entry.gone_ms is None:
                entry.group.run()
            elif self._bid_farewell(entry):
                return
        except Exception:  # a bug, which is not to be met again and again
            logger.exception("group of rules failed group=%s", entry.group.key)
            entry.group.pause()
        finally:
            with self._wake:
                entry.is_busy = False
                if self._entries.get(entry.group.key) is entry:
                    self._go_on(entry)

    def _go_on(self, entry: Entry) -> None:
        if entry.gone_ms is not None:
            self._put_farewell(entry)
        elif entry.successor is not None:
            self._replace(entry)
        else:
            self._put(entry)

    def _bid_farewell(self, entry: Entry) -> bool:
        """End the series of a group that is gone, and forget it; False if it came back."""
        with self._wake:
            gone_ms = entry.gone_ms
            if gone_ms is None:
                return False
            del self._entries[entry.group.key]
            others = self._series_of(entry.group.tenant)
        try:
            entry.group.end_series(gone_ms, others)
        except NotWritten as error:
            logger.warning("series of a group not ended group=%s error=%r", entry.group.key, error)
        with self._wake:
            if entry.group.key not in self._entries:
                self._services.keeper.forget(entry.group.key)
        return True

    def _series_of(self, tenant: str) -> list[Labelsets]:
        return [
            written
            for entry in self._entries.values()
            if entry.group.tenant == tenant and entry.gone_ms is None
            for written in entry.group.written()
        ]

    def _mind_the_clock(self) -> None:
        """The clock was set back."""
        for entry in self._entries.values():
            if not entry.is_busy and entry.gone_ms is None:
                entry.group.mind_the_clock()
                self._put(entry)


def admitted(tenant: str, groups: Sequence[Group], terms: Terms) -> list[Group]:
    """The groups that a tenant's limits allow; the log says why others are not evaluated."""
    found: list[Group] = []
    for group in groups:
        problem = problem_of(group, len(found), terms)
        if problem:
            logger.warning(
                "group of rules not evaluated tenant=%s file=%s group=%s reason=%r",
                tenant, group.file, group.name, problem,
            )  # fmt: skip
        else:
            found.append(group)
    return found


def problem_of(group: Group, others: int, terms: Terms) -> str:
    """Why a group may not run beside so many others; "" if it may."""
    count = len(group.rules)
    if 0 < terms.rules_max < count:
        return (
            f"it has {count} rules, allowed are {terms.rules_max} (ruler_max_rules_per_rule_group)"
        )
    if 0 < terms.groups_max <= others:
        return f"allowed are {terms.groups_max} groups (ruler_max_rule_groups_per_tenant)"
    if 0 < group.interval_ms < terms.interval_min_ms:
        return (
            f"its interval is {group.interval_ms} ms, allowed are {terms.interval_min_ms} ms or "
            "more (ruler_min_rule_evaluation_interval)"
        )
    if group.source_tenants and not terms.federates:
        return "it reads other tenants, which is not allowed (rules.tenant-federation)"
    return ""
