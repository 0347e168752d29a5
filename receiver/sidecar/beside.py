"""What a sidecar knows of its Prometheus, asked again and again by a thread.

Invariants:
* Labels are those of the last answer; while a Prometheus does not answer, what it said last stands.
* What is sent or uploaded has external labels, or nothing is: without them no one could tell whose
  series they are.
"""

import logging
import threading
import time
from dataclasses import dataclass

from receiver.sidecar.prometheus import Prometheus, PrometheusError, unequal_durations

logger = logging.getLogger(__name__)

NOT_ASKED = "the Prometheus has not answered yet"
NO_LABELS = (
    "the Prometheus has no external labels: give it some that no other one has, such as cluster "
    "and replica (global.external_labels)"
)


@dataclass(frozen=True, slots=True)
class Known:
    """labels: external ones; lowest_ms: of its oldest sample, None: not known; error: why it does
    not answer, or is not fit, "" if all is well; uploads_not: why no block may be uploaded."""

    labels: dict[str, str]
    lowest_ms: int | None = None
    error: str = NOT_ASKED
    uploads_not: str = NOT_ASKED
    checked_ms: int = 0


class Beside:
    """Keeps asking one Prometheus. start() and stop() once; all else from any thread.

    ignores_durations: whether blocks are uploaded although the Prometheus compacts them; uploads:
    whether there is a bucket at all, without which the lengths of blocks do not matter.
    """

    def __init__(
        self, prometheus: Prometheus, interval_s: float, *, uploads: bool, ignores_durations: bool
    ) -> None:
        self.prometheus = prometheus
        self.known = Known({})
        self._interval_s = interval_s
        self._uploads = uploads
        self._ignores_durations = ignores_durations
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prometheus", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def ask(self) -> None:
        """Ask once what there is to know."""
        now_ms = time.time_ns() // 1_000_000
        before = self.known
        try:
            found = self._asked(now_ms)
        except PrometheusError as error:
            found = Known(before.labels, before.lowest_ms, str(error), str(error), now_ms)
        if (found.error, found.labels) != (before.error, before.labels):
            level = logging.WARNING if found.error else logging.INFO
            logger.log(level, "prometheus labels=%s error=%r", found.labels, found.error)
        if found.uploads_not != before.uploads_not and found.uploads_not and self._uploads:
            logger.warning("blocks are not uploaded error=%r", found.uploads_not)
        self.known = found

    def _asked(self, now_ms: int) -> Known:
        labels = self.prometheus.external_labels()
        lowest_ms = self.prometheus.lowest_ms()
        if not labels:
            return Known({}, lowest_ms, NO_LABELS, NO_LABELS, now_ms)
        uploads_not = ""
        if self._uploads and not self._ignores_durations:
            uploads_not = unequal_durations(self.prometheus.flags())
        return Known(labels, lowest_ms, "", uploads_not, now_ms)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.ask()
            except Exception:  # the thread must go on
                logger.exception("the prometheus was not asked")
            # What does not answer is asked again soon: a sidecar starts beside its Prometheus.
            rest_s = min(2.0, self._interval_s) if self.known.error else self._interval_s
            self._ending.wait(rest_s)
