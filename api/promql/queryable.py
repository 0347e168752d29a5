"""The port through which the engine gets its data.

One query has one `Queryable`: it fixes the tenants, the replica labels and the symbols. Several
implementations exist: the storage's querier, the in-memory one of the tests, later remote ones.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.samples.edges import Edges
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples

MAX_MS = (1 << 63) - 1


class Selection(Protocol):
    """The series that one selector matched, frozen at the time of the select."""

    @property
    def labels(self) -> LabelFrame:
        """One row per series. Rows are distinct label sets, in an order that is stable."""
        ...

    def read(self, first_row: int, end_row: int) -> Samples:
        """The samples of rows [first_row, end_row) within the bounds of the select.

        May go to the disk for them. Thread-safe. Raises storage.errors.LimitExceeded if the rows
        have more samples than a limit allows.
        """
        ...


def expected_samples(selection: Selection) -> int:
    """About how many samples all rows of a selection have, if it says so; else 0."""
    return int(getattr(selection, "expected_samples", 0))


def resolutions_of(selection: Selection) -> tuple[int, ...]:
    """The resolutions of what a selection reads, ascending, in ms, if it says so; 0: samples as
    they came."""
    found: tuple[int, ...] = getattr(selection, "resolutions", (0,))
    return found


def edges_of(
    selection: Selection, rows: tuple[int, int], windows: tuple[Int64s, int], is_counter: bool
) -> Edges | None:
    """The edges of windows of the rows [first, end), if the selection can give them without reading
    all samples: none of them is a stale marker, a histogram or downsampled. windows: their ends,
    and the range in ms."""
    found: Callable[..., Edges | None] | None = getattr(selection, "edges", None)
    return None if found is None else found(*rows, windows, is_counter)


def aggregated_until(queryable: object) -> int:
    """The last time that downsampled data has something of, if the queryable says so; else any time
    may be."""
    return int(getattr(queryable, "aggregated_until_ms", MAX_MS))


def may_have_aggregates(queryable: object) -> bool:
    """Whether there may be something that is downsampled elsewhere, which only a resolution that is
    allowed brings, if the queryable says so."""
    return bool(getattr(queryable, "may_have_aggregates", False))


def losses_of(queryable: object) -> tuple[str, ...]:
    """What may be missing of what was selected, because it is damaged, if the queryable says so."""
    found: tuple[str, ...] = getattr(queryable, "losses", ())
    return found


class Queryable(Protocol):
    """The series and samples one query may see."""

    @property
    def symbols(self) -> Symbols:
        """The symbols that all frames of this query share."""
        ...

    @property
    def counters_differ(self) -> bool:
        """Whether the hint `counter` makes a difference, and where a select begins. If not, and
        without aggregates, equal selectors are read once, whatever stands above them."""
        ...

    @property
    def has_aggregates(self) -> bool:
        """Whether the hints of purpose and resolution may make a difference: some data are there
        downsampled."""
        ...

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> Selection:
        """The series that pass all matchers, with their samples of [start_ms, end_ms], both
        inclusive; of downsampled data, with those of the windows that these times are in. A matched
        series may turn out to have no sample there.

        Raises storage.errors.LimitExceeded if more series or samples match than a limit allows.
        """
        ...
