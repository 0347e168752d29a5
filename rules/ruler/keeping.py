"""What is to survive the process, on its way to where it is kept.

Each commit is a sync, so one thread makes them, each of all that waits. What must be durable before
something else may happen, such as that an alert was sent, is waited for; how far a group is, is
not: after a crash its latest slots are evaluated once more, and give the same.

Invariants:
* Of one group, what was put later is never kept before what was put earlier.
* keep() returns once all that was put before it is durable, or could not be made so; then it is
  tried again, together with what comes later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future

from rules.ruler.ports import Memory
from storage.catalog.rule_states import GroupKey, SavedGroup
from storage.errors import StorageError

logger = logging.getLogger(__name__)

# How long slots that are done may wait for others, to share a commit.
PATIENCE_S = 1.0
RETRY_S = 5.0


class Keeper:
    """A thread, and what waits for it. For any thread, but for what begins with an underscore."""

    def __init__(
        self, memory: Memory, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
    ) -> None:
        self._memory = memory
        self._patience_s, self._retry_s = patience_s, retry_s
        self._wake = threading.Condition()
        self._waiting: dict[GroupKey, SavedGroup] = {}
        self._gone: set[GroupKey] = set()
        self._is_urgent = self._is_stopping = self._is_over = False
        self._round = Future[bool]()  # of what waits now
        self._thread = threading.Thread(target=self._run, name="rules-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Keep what waits, and end."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def put(self, key: GroupKey, slot_ms: int, alerts: Mapping[str, bytes]) -> None:
        """Leave what is to be kept of a group. alerts: of those of its rules that changed."""
        with self._wake:
            self._waiting[key] = over(SavedGroup(slot_ms, alerts), self._waiting.get(key))
            self._wake.notify_all()

    def forget(self, key: GroupKey) -> None:
        """A group is gone for good."""
        with self._wake:
            self._waiting.pop(key, None)
            self._gone.add(key)
            self._wake.notify_all()

    def keep(self) -> bool:
        """Wait until all that was put so far is durable; False if it could not be made so."""
        with self._wake:
            if self._is_over:
                return False
            mine, self._is_urgent = self._round, True
            self._wake.notify_all()
        return mine.result()

    def _run(self) -> None:
        while not self._is_over:
            with self._wake:
                self._wake.wait_for(self._has_work)
                self._wake.wait_for(self._is_pressed, self._patience_s)
                waiting, self._waiting = self._waiting, {}
                gone, self._gone = self._gone, set()
                mine, self._round = self._round, Future[bool]()
                self._is_urgent = False
            is_kept = self._commit(waiting, gone)
            with self._wake:
                if not is_kept:
                    self._put_back(waiting, gone)
                self._is_over = self._is_stopping and not (is_kept and self._has_left())
                mine.set_result(is_kept)
                if self._is_over:
                    self._round.set_result(False)
                elif not is_kept:
                    self._wake.wait_for(lambda: self._is_stopping, self._retry_s)

    def _has_left(self) -> bool:
        return bool(self._waiting or self._gone or self._is_urgent)

    def _has_work(self) -> bool:
        return self._has_left() or self._is_stopping

    def _is_pressed(self) -> bool:
        return self._is_urgent or self._is_stopping

    def _commit(self, waiting: Mapping[GroupKey, SavedGroup], gone: set[GroupKey]) -> bool:
        try:
            # A group that came back after it was forgotten begins anew.
            if gone:
                self._memory.forget(sorted(gone))
            if waiting:
                self._memory.save(waiting)
        except StorageError as error:
            logger.error("state of rules not kept groups=%d error=%r", len(waiting), str(error))
            return False
        return True

    def _put_back(self, waiting: Mapping[GroupKey, SavedGroup], gone: set[GroupKey]) -> None:
        for key, saved in waiting.items():
            if key not in self._gone:
                newer = self._waiting.get(key)
                self._waiting[key] = saved if newer is None else over(newer, saved)
        self._gone |= gone


def over(newer: SavedGroup, older: SavedGroup | None) -> SavedGroup:
    """Both together."""
    if older is None:
        return newer
    return SavedGroup(newer.slot_ms, {**older.alerts, **newer.alerts})
