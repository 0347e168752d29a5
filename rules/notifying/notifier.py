"""The way of alerts out of the house: `send` queues them, a thread with its own loop sends them.

Each Alertmanager has a queue of its own for each tenant, so one that is away, or a tenant with very
many alerts, takes nothing from others.

Invariants:
* `send` does not wait for any Alertmanager, and raises nothing.
* An alert leaves a queue when its Alertmanager has taken it, when something newer of it is there,
  or when it is counted as dropped.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import aiohttp

from rules.evaluation.rows import Key, Labels, key_of
from rules.notifying.alertmanagers import Alerting, Alertmanager
from rules.notifying.messages import end_ms_of, message_of, with_external
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.options import AlertmanagerOptions
from rules.notifying.queue import Delivery, Item, Queue
from rules.notifying.sender import Sender, Tools
from rules.ruler.ports import Notice
from storage.tenants.relabel import RelabelRule, relabel

logger = logging.getLogger(__name__)

ExternalLabels = Callable[[str], Labels]


class AlertNotifier:
    """A `rules.ruler.ports.Notifier`. Thread-safe."""

    def __init__(
        self,
        options: AlertmanagerOptions,
        metrics: NotifyMetrics,
        *,
        user_agent: str,
        external_labels: ExternalLabels = lambda tenant: {},
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """external_labels: of a tenant; asked whenever alerts are sent."""
        self._options = options
        self._metrics = metrics
        self._user_agent = user_agent
        self._external_labels = external_labels
        self._now_ms = now_ms
        self._alerting = Alerting()
        self._senders: dict[tuple[str, str], Sender] = {}  # by tenant and URL
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._early: list[Callable[[], None]] = []  # what the loop has to do once it runs
        self._tasks: dict[Sender, asyncio.Task[None]] = {}
        self._tools: Tools | None = None
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifying", daemon=True)
        metrics.queue_capacity.set(options.queue_items_max)

    def start(self) -> None:
        self._thread.start()
        self._running.wait()

    def drain(self) -> None:
        """Send what waits for at most the configured time, and end; what is sent later is not
        delivered any more. Blocks."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._drain(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def configure(self, alerting: Alerting) -> None:
        """From now on these are the Alertmanagers. What waits for one that stays is kept."""
        with self._lock:
            self._alerting = alerting
            for place, sender in list(self._senders.items()):
                known = {each.url: each for each in self._alertmanagers(place[0])}
                if sender.alertmanager.url in known:
                    sender.alertmanager = known[sender.alertmanager.url]
                else:
                    del self._senders[place]
                    self._soon(self._end, sender)
        urls = {each.url for block in alerting.blocks for each in block.alertmanagers}
        self._metrics.discovered.set(len(urls))

    def send(self, tenant: str, notices: Sequence[Notice]) -> None:
        """Queue alerts; never blocks, never raises. What there is no room for is counted."""
        try:
            self._queue(tenant, notices)
        except Exception:  # whatever it is, evaluation goes on
            logger.exception("alerts not queued tenant=%s alerts=%d", tenant, len(notices))

    def undelivered(self, tenant: str) -> frozenset[Key]:
        """The alerts, by their labels as they were given to send(), whose latest notice waits for
        all of its Alertmanagers. They are lost if the process ends now."""
        with self._lock:
            queues = [each.queue for place, each in self._senders.items() if place[0] == tenant]
        return frozenset(key for queue in queues for key in queue.undelivered())

    def urls(self, tenant: str) -> tuple[list[str], list[str]]:
        """Where the alerts of a tenant are sent, and the Alertmanagers that relabelling dropped."""
        blocks = self._alerting.of(tenant)
        active = dict.fromkeys(each.url for each in self._alertmanagers(tenant))
        return list(active), [url for block in blocks for url in block.dropped]

    def _alertmanagers(self, tenant: str) -> Iterator[Alertmanager]:
        for block in self._alerting.of(tenant):
            yield from block.alertmanagers

    def _queue(self, tenant: str, notices: Sequence[Notice]) -> None:
        alerting, external = self._alerting, self._external_labels(tenant)
        blocks = alerting.of(tenant)
        prepared = [
            (notice, Delivery(key_of(notice.alert.labels)), labels)
            for notice in notices
            if (labels := changed(with_external(notice.alert.labels, external), alerting.relabel))
        ]
        known: set[str] = set()
        for block in blocks:
            items = [
                Item(key_of(labels), message_of(notice, labels), end_ms_of(notice), delivery)
                for notice, delivery, before in prepared
                if (labels := changed(before, block.relabel))
            ]
            for alertmanager in block.alertmanagers:
                if items and alertmanager.url not in known:
                    known.add(alertmanager.url)
                    self._put(tenant, alertmanager, items)

    def _put(self, tenant: str, alertmanager: Alertmanager, items: list[Item]) -> None:
        place = (tenant, alertmanager.url)
        with self._lock:
            sender = self._senders.get(place)
            if sender is None:
                options = self._options
                queue = Queue(options.queue_items_max, options.queue_bytes_max)
                sender = self._senders[place] = Sender(tenant, alertmanager, queue)
                self._metrics.follow(place[1], tenant, sender.queue)
                self._soon(self._begin, sender)
            dropped = sender.queue.put(items)
            self._soon(sender.wake)
        self._metrics.dropped.labels(place[1], tenant).inc(dropped)

    def _soon(self, function: Callable[..., None], *arguments: object) -> None:
        """Call it in the loop, once that runs; needs the lock."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *arguments)
        elif not self._running.is_set():
            self._early.append(partial(function, *arguments))

    def _begin(self, sender: Sender) -> None:
        assert self._tools is not None, "BUG: the loop runs without its tools"
        task = asyncio.get_running_loop().create_task(sender.run(self._tools))
        self._tasks[sender] = task
        task.add_done_callback(partial(self._ended, sender))

    def _ended(self, sender: Sender, task: asyncio.Task[None]) -> None:
        del self._tasks[sender]
        if sender.is_over:
            self._metrics.forget(sender.alertmanager.url, sender.tenant)
        elif not task.cancelled() and task.exception() is not None:
            logger.error(
                "a sender of alerts failed alertmanager=%s tenant=%s",
                sender.alertmanager.url, sender.tenant, exc_info=task.exception(),
            )  # fmt: skip
            self._begin(sender)

    def _end(self, sender: Sender) -> None:
        """Of an Alertmanager that is not configured any more."""
        sender.is_over = True
        if len(sender.queue):
            logger.warning(
                "alerts dropped with their alertmanager alertmanager=%s tenant=%s alerts=%d",
                sender.alertmanager.url, sender.tenant, len(sender.queue),
            )  # fmt: skip
        if sender in self._tasks:
            self._tasks[sender].cancel()

    async def _drain(self) -> None:
        assert self._tools is not None, "BUG: the loop runs without its tools"
        self._tools.draining.set()
        tasks = list(self._tasks.values())
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=self._options.drain_ms / 1000)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
        waiting = sum(len(sender.queue) for sender in self._senders.values())
        if waiting:
            logger.warning("alerts not delivered at the end alerts=%d", waiting)
        await self._tools.session.close()

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._begin_all())
            runner.get_loop().run_forever()

    async def _begin_all(self) -> None:
        """Make what senders need, and begin those that there are."""
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"User-Agent": self._user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        options = self._options
        self._tools = Tools(
            session,
            self._metrics,
            options.batch_items_max,
            options.backoff_ms_max / 1000,
            self._now_ms,
        )
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._running.set()
            early, self._early = self._early, []
        for call in early:
            call()


def changed(labels: dict[str, str], rules: tuple[RelabelRule, ...]) -> dict[str, str] | None:
    """The labels after relabelling; None, or none, if the alert is dropped."""
    return relabel(rules, labels) if rules else labels
