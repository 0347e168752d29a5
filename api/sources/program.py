"""What the API reports of the program that it is a part of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric

from api.sources.others import NO_OTHERS, Others


@dataclass(frozen=True, slots=True)
class Reloaded:
    """How reading of the watched files went last, and when, in ms."""

    successful: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Replay:
    """How far opening the database is: parts done of parts from `least` to `most`."""

    least: int
    most: int
    current: int


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Another store. kind: as it names itself; checked_ms: when it was last asked what it has, 0:
    never; error: what came of that, "" if it answered; labels: its sets of external labels; span:
    of the times that it has, in ms; tenant: in whose queries it takes part, "" for all."""

    kind: str
    name: str
    checked_ms: int
    error: str
    labels: Sequence[Mapping[str, str]]
    span: tuple[int, int]
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """Facts of the running program.

    settings: the text of every setting by its name; document: the effective configuration as YAML;
    neither shows secrets. listens: the address it is asked at. retention: how long data are kept,
    as a duration's text, and in ms, 0 for ever. metrics: its own, as they are now. stores: other
    ones that queries ask; others: what they have besides series.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    document: str = ""
    listens: str = ""
    started_ms: int = 0
    retention: str = "0"
    retention_ms: int = 0
    reloaded: Callable[[], Reloaded] = lambda: Reloaded(True, 0)
    replay: Callable[[], Replay] = lambda: Replay(0, 0, 0)
    metrics: Callable[[], Iterable[Metric]] = lambda: ()
    stores: Callable[[], Sequence[StoreFacts]] = tuple
    others: Others = NO_OTHERS
