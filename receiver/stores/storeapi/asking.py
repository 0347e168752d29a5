"""One store, asked by one query: whether it is asked at all, and what is missing of its answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from receiver.stores.errors import LyingStore, StoreError
from receiver.stores.limits import Budget
from receiver.stores.storeapi.client import Stream
from receiver.stores.storeapi.columns import FRAME_BYTES, Collector
from receiver.stores.storeapi.messages import contents_of
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked
from storage.bucket.pieces import must_not_wait
from storage.errors import MustFetch


@dataclass(slots=True)
class Asking:
    """What goes wrong costs what the store has, and is said in `losses`; what came before is used.
    Where the query wants all or nothing, it fails instead."""

    state: StoreState
    common: Asked
    _losses: dict[str, None] = field(default_factory=dict)

    @property
    def losses(self) -> tuple[str, ...]:
        return tuple(self._losses)

    def lose(self, what: str) -> None:
        """Note what is missing. Raises SourceFailed where all or nothing is wanted."""
        self._losses[self.common.missing(self.state.name, what)] = None

    def is_there(self) -> bool:
        """Whether it can be asked. Raises MustFetch if that must not be done now."""
        if must_not_wait():
            raise MustFetch(f"{self.state.name} is to be asked")
        if self.state.is_down:
            if self.state.is_missed:
                self.lose(f"it is down: {self.state.error}")
            return False
        return True

    def into(self, collector: Collector, method: str, request: bytes) -> Callable[[], None]:
        """Have a collector take the answer to a request that is sent now; waits for its end."""
        stream = self._stream(method, request)

        def read() -> StoreError | None:
            return self._counted(collector.budget, lambda: read_all(stream, collector))

        came = self.common.calls.begin(stream, read)

        def waited() -> None:
            error = came()
            for warning in collector.warnings:
                self.lose(warning)
            if collector.damaged:
                self.lose(f"{collector.damaged} of its chunks are damaged: {collector.fault}")
            if error is not None:
                self.lose(str(error))

        return waited

    def contents(self, method: str, request: bytes) -> Callable[[], list[bytes]]:
        """Ask for what comes as field 1 of messages, with warnings as field 2."""
        stream, budget = self._stream(method, request), Budget(self.common.limits)
        found: list[bytes] = []
        warnings: list[str] = []

        def take() -> StoreError | None:
            try:
                for frame in stream.frames():
                    budget.spend(bytes=len(frame) + FRAME_BYTES, series=1)
                    own, said = contents_of(frame)
                    found.extend(own)
                    warnings.extend(said)
            except StoreError as error:
                stream.end(str(error))
                return error
            return None

        came = self.common.calls.begin(stream, partial(self._counted, budget, take))

        def waited() -> list[bytes]:
            error = came()
            for what in (*warnings, *([] if error is None else [str(error)])):
                self.lose(what)
            return found

        return waited

    def read(self, messages: Sequence[bytes], parse: Callable[[bytes], None]) -> None:
        """Have each of some messages parsed; those that are damaged are lost."""
        for message in messages:
            try:
                parse(message)
            except LyingStore as error:
                self.lose(str(error))

    def _stream(self, method: str, request: bytes) -> Stream:
        return self.state.channel.stream(method, request, self.common.terms.tenant)

    def _counted(self, budget: Budget, read: Callable[[], StoreError | None]) -> StoreError | None:
        metrics = self.common.metrics
        with metrics.seconds.time():
            failure = read()
        metrics.count(budget, is_whole=failure is None)
        return failure


def read_all(stream: Stream, collector: Collector) -> StoreError | None:
    """Read a stream to its end; what ended it before."""
    try:
        for frame in stream.frames():
            collector.add(frame)
        collector.decode()
    except StoreError as error:
        stream.end(str(error))
        return error
    return None
