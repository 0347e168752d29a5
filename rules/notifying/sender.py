"""Sends one queue to one Alertmanager: one request at a time, tried again until it is taken.

What an Alertmanager refuses for good, it would refuse again, so it is dropped; of a request with
some bad alerts it keeps the good ones. Everything else is tried again, after pauses that double.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import aiohttp

from rules.notifying.alertmanagers import Alertmanager
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.queue import Item, Queue

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
DRAIN_PAUSE_S = 0.2
ANSWER_CHARS_MAX = 500
# Of requests that have something wrong themselves.
REFUSED_FOR_GOOD = frozenset({400, 413, 422})


class Outcome(Enum):
    """What became of one request."""

    TAKEN = "taken"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(slots=True)
class Tools:
    """What all senders share. on_their_way: bounds the requests to one Alertmanager at a time."""

    session: aiohttp.ClientSession
    metrics: NotifyMetrics
    batch_items_max: int
    backoff_s_max: float
    now_ms: Callable[[], int]
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    on_their_way: dict[str, asyncio.Semaphore] = field(default_factory=dict)


REQUESTS_MAX = 16  # to one Alertmanager at a time, for all tenants together


class Sender:
    """Belongs to the loop, but for `queue`, which anyone may put into, and `put_into()`."""

    def __init__(self, tenant: str, alertmanager: Alertmanager, queue: Queue) -> None:
        self.tenant = tenant
        self.alertmanager = alertmanager
        self.queue = queue
        self.is_over = False  # its Alertmanager is not configured any more
        self._filled = asyncio.Event()

    def wake(self) -> None:
        """There may be something in the queue; from the loop."""
        self._filled.set()

    async def run(self, tools: Tools) -> None:
        """Until cancelled; or, once tools.draining is set, until nothing is left."""
        failures = 0
        while not (tools.draining.is_set() and not len(self.queue)):
            if not len(self.queue):
                self._filled.clear()
                await wait_for_any(self._filled, tools.draining)
                continue
            failures = await self._round(tools, failures)

    async def _round(self, tools: Tools, failures: int) -> int:
        """Send one batch; how many in a row have failed by then."""
        items, expired = self.queue.take(tools.batch_items_max, tools.now_ms())
        dropped = tools.metrics.dropped.labels(self.alertmanager.url, self.tenant)
        dropped.inc(expired)
        if not items:
            return failures
        outcome = Outcome.FAILED
        try:
            outcome = await self._send(tools, items)
        finally:  # cancelled: what was on its way is not known to be there
            if outcome is Outcome.FAILED:
                dropped.inc(self.queue.failed(items))
            else:
                self.queue.done(items, delivered=outcome is Outcome.TAKEN)
        if outcome is Outcome.REFUSED:
            dropped.inc(len(items))
        if outcome is not Outcome.FAILED:
            return 0
        await self._pause(tools, failures)
        return failures + 1

    async def _pause(self, tools: Tools, failures: int) -> None:
        if tools.draining.is_set():
            await asyncio.sleep(DRAIN_PAUSE_S)
            return
        longest = min(tools.backoff_s_max, FIRST_PAUSE_S * 2 ** min(failures, 30))
        pause_s = longest * random.uniform(0.5, 1.0)
        try:
            async with asyncio.timeout(pause_s):
                await tools.draining.wait()
        except TimeoutError:
            pass

    async def _send(self, tools: Tools, items: list[Item]) -> Outcome:
        url = self.alertmanager.url
        place = tools.on_their_way.setdefault(url, asyncio.Semaphore(REQUESTS_MAX))
        async with place:
            begun = time.monotonic()
            outcome, why = await self._post(tools.session, items)
            tools.metrics.latency.labels(url).observe(time.monotonic() - begun)
        tools.metrics.sent.labels(url, self.tenant).inc(len(items))
        if outcome is not Outcome.TAKEN:
            tools.metrics.errors.labels(url, self.tenant).inc(len(items))
            logger.warning(
                "alerts not taken alertmanager=%s tenant=%s alerts=%d dropped=%s error=%r",
                url, self.tenant, len(items), outcome is Outcome.REFUSED, why,
            )  # fmt: skip
        return outcome

    async def _post(self, session: aiohttp.ClientSession, items: list[Item]) -> tuple[Outcome, str]:
        """What became of the request, and why."""
        alertmanager, access = self.alertmanager, self.alertmanager.access
        headers = {"X-Scope-OrgID": self.tenant, "Content-Type": "application/json"}
        headers = {
            name: value
            for name, value in headers.items()
            if name.lower() not in {own.lower() for own, _ in access.headers}
        }
        try:
            async with session.post(
                alertmanager.url,
                data=b"[" + b",".join(item.message for item in items) + b"]",
                headers=[*headers.items(), *access.headers],
                timeout=aiohttp.ClientTimeout(total=alertmanager.timeout_s),
                ssl=access.tls or True,
                server_hostname=access.server_name or None,
                proxy=access.proxy or None,
                allow_redirects=access.follows,
            ) as response:
                answer = await response.content.read(ANSWER_CHARS_MAX)
                return outcome_of(response.status), f"{response.status} {answer!r}"
        except TimeoutError:
            return Outcome.FAILED, f"no answer within {alertmanager.timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome.FAILED, f"{type(error).__name__}: {error}"


def outcome_of(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.TAKEN
    return Outcome.REFUSED if status in REFUSED_FOR_GOOD else Outcome.FAILED


async def wait_for_any(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
