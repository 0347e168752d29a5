"""The endpoint that takes snapshots of all data, only where that is switched on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.errors import Disabled, invalid_parameter
from api.params import boolean
from api.promql.go_format import quote


class Taker(Protocol):
    """What takes snapshots. Blocks, and raises storage.errors.StorageError."""

    def take(self, *, skip_head: bool, author: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Snapshotting:
    """Who takes snapshots, whether that is switched on, and who asks for it, by name, "" if that is
    not known: asked while a request is being read."""

    taker: Callable[[], Taker]
    enabled: bool = False
    author: Callable[[], str] = lambda: ""


class SnapshotHandlers:
    """The endpoint over what takes snapshots."""

    def __init__(self, snapshotting: Snapshotting) -> None:
        self._snapshotting = snapshotting

    def take(self, call: Call) -> Job:
        """Take a snapshot of the data of all tenants."""
        if not self._snapshotting.enabled:
            raise Disabled("admin APIs disabled")
        skip_head = skip_head_of(call.params.first("skip_head"))
        author = self._snapshotting.author()

        def run(turn: Slot) -> Iterator[bytes]:
            name = self._snapshotting.taker().take(skip_head=skip_head, author=author)
            yield encode_data({"name": name})

        return Job(run)


def skip_head_of(text: str) -> bool:
    """The parameter's value; raises BadData with the text of Prometheus."""
    wanted = boolean(text) if text else False
    if wanted is None:
        cause = f"strconv.ParseBool: parsing {quote(text)}: invalid syntax"
        raise invalid_parameter("skip_head", f"unable to parse boolean: {cause}")
    return wanted
