"""All stores that are reached by StoreAPI, and the thread that asks them what they have.

Invariants:
* A round asks all stores at a time, and lasts no longer than the interval of rounds.
* What a query sees of the list of stores does not change under it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from receiver.settings.stores import StoresOptions
from receiver.stores.dns import Resolver, targets_of
from receiver.stores.endpoints import Endpoint
from receiver.stores.errors import LyingStore
from receiver.stores.limits import CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.storeapi.client import Channel, text_of
from receiver.stores.storeapi.messages import parse_info
from receiver.stores.storeapi.state import StoreState

logger = logging.getLogger(__name__)

# Of one endpoint and one target: the state of the store there.
Key = tuple[Endpoint, str]
# What is said of a store until it was asked.
NOT_ASKED = "it has not answered yet"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Intervals:
    """In seconds."""

    info_s: float
    dns_s: float


class StorePool:
    """The stores of some endpoints. start() and stop() once; all else from any thread."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        options: StoresOptions,
        limits: CallLimits,
        metrics: StoreMetrics,
        resolve: Resolver = targets_of,
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._metrics = metrics
        self._resolve = resolve
        self._limits = limits
        self._missed_ms = options.unhealthy_timeout_ms
        self._intervals = Intervals(options.info_interval_ms / 1000, options.dns_interval_ms / 1000)
        self._targets: dict[Endpoint, list[str]] = {}
        self._states: dict[Key, StoreState] = {}
        self._asked = threading.Event()
        self._ending = False
        self._resolved_s = 0.0
        self._is_new = False
        self._left: list[StoreState] = []
        self._thread = threading.Thread(target=self._run, name="stores-info", daemon=True)

    @property
    def states(self) -> tuple[StoreState, ...]:
        """Those that are known, in the order of endpoints."""
        return tuple(self._states.values())

    def configure(self, endpoints: Sequence[Endpoint]) -> None:
        """Have other endpoints from now on."""
        self._endpoints = tuple(endpoints)
        self._is_new = True
        self._resolved_s = 0.0
        self._asked.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending = True
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join()
        for state in (*self.states, *self._left):
            state.channel.close()

    def _run(self) -> None:
        while not self._ending:
            started = time.monotonic()
            self._asked.clear()
            try:
                self.round()
            except Exception:  # whatever it is, the next round may do better
                logger.exception("stores not asked")
            self._asked.wait(max(0.0, self._intervals.info_s - (time.monotonic() - started)))

    def round(self) -> None:
        """Look names up if it is time, and ask all stores what they have."""
        elapsed = time.monotonic() - self._resolved_s
        if not self._resolved_s or elapsed >= self._intervals.dns_s:
            self._look_up()
            self._resolved_s = time.monotonic()
        states = self.states
        calls = [(state, state.channel.info(self._intervals.info_s)) for state in states]
        for state, call in calls:
            ask(state, call.result)
        self._count()

    def _look_up(self) -> None:
        wanted: dict[Key, None] = {}
        for endpoint in self._endpoints:
            try:
                self._targets[endpoint] = self._resolve(endpoint)
            except OSError as error:
                # What was found last is what there is.
                logger.warning(
                    "store not looked up address=%s error=%r", endpoint.address, str(error)
                )
                # What was never found is missed all the same, under its name.
                self._targets.setdefault(endpoint, [named(endpoint)])
            wanted |= dict.fromkeys((endpoint, t) for t in self._targets[endpoint])
        known, before = self._states, self._states
        if self._is_new:  # what files of certificates say may be new, too
            known = {key: state for key, state in known.items() if key[0].tls is None}
            self._is_new = False
        self._states = {key: known.get(key) or self._made(*key, before.get(key)) for key in wanted}
        self._close_left(list(before.values()))

    def _close_left(self, before: Sequence[StoreState]) -> None:
        """Close the channels that were left a while ago, so that calls under way may end."""
        for state in self._left:
            state.channel.close()
        here = {id(state) for state in self._states.values()}
        self._left = [state for state in before if id(state) not in here]

    def _made(self, endpoint: Endpoint, target: str, before: StoreState | None) -> StoreState:
        """A store with a channel of its own, of which is known what was known before."""
        channel = Channel(target, endpoint.tls, self._limits)
        if before is not None:
            return replace(before, channel=channel)
        born_ms = now_ms()
        return StoreState(
            endpoint, target, channel, self._missed_ms, good_ms=born_ms, error=NOT_ASKED
        )

    def _count(self) -> None:
        states = self.states
        self._metrics.healthy.clear()
        for state in states:
            if not state.error:
                self._metrics.healthy.labels(state.kind).inc()
        self._metrics.unhealthy.set(sum(bool(state.error) for state in states))


def named(endpoint: Endpoint) -> str:
    """The target of a name that could not be looked up, which gRPC cannot either."""
    return endpoint.place if ":" in endpoint.place else f"{endpoint.place}:0"


def ask(state: StoreState, answer: Callable[[], bytes]) -> None:
    """Note what a store says of itself, or why it does not."""
    import grpc

    before, is_first = state.error, not state.checked_ms
    try:
        state.note(parse_info(answer()), "", now_ms())
    except grpc.RpcError as error:
        state.note(None, text_of(error), now_ms())
    except LyingStore as error:
        state.note(None, str(error), now_ms())
    if bool(before) != bool(state.error) or is_first:
        level = logging.WARNING if state.error else logging.INFO
        logger.log(
            level, "store is %s target=%s type=%s error=%r",
            "down" if state.error else "up", state.target, state.kind, state.error,
        )  # fmt: skip
