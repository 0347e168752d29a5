"""Federation: the newest sample of each selected series, in a format that Prometheus scrapes."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from api.answers.encoding import Buffer
from api.answers.exposition.accept import Form, Format, choose_format
from api.answers.exposition.families import encode_families
from api.answers.exposition.scrape import Scrape, merged
from api.answers.exposition.text import encode_text
from api.endpoints.handler import Call, Job, Slot
from api.params import ReplicaParams, replica_params, selector_of
from api.promql.errors import QueryCanceled
from api.promql.queryable import Selection
from api.promql.vectors.kernels import latest_positions
from api.sources.queriers import QuerierSource
from storage.histograms.columns import Natives
from storage.histograms.histograms import take
from storage.labels.frames import Symbols
from storage.labels.matchers import Matcher
from storage.read.federation import stack_frames

# Rows that are read at once.
BLOCK_ROWS = 1 << 12


class FederationHandlers:
    """The endpoint over one store. lookback_ms: how old a sample may be; now_ms: the clock."""

    def __init__(
        self, source: QuerierSource, *, lookback_ms: int, now_ms: Callable[[], int]
    ) -> None:
        self._source = source
        self._lookback_ms = lookback_ms
        self._now_ms = now_ms

    def federate(self, call: Call) -> Job:
        """Several selectors choose what any of them does; without one the answer is empty."""
        matcher_sets = [selector_of(text) for text in call.params.all("match[]")]
        wishes = replica_params(call.params)
        wanted = choose_format(call.headers.get("Accept", ""))

        def run(turn: Slot) -> Iterator[Buffer]:
            scrape = self._scrape(call.tenants, matcher_sets, wishes, turn)
            yield from encoded(scrape, wanted)

        return Job(run, headers={"Content-Type": wanted.content_type})

    def _scrape(
        self,
        tenants: Sequence[str],
        matcher_sets: Sequence[Sequence[Matcher]],
        wishes: ReplicaParams,
        turn: Slot,
    ) -> Scrape:
        querier = self._source.querier(tenants, wishes)
        now_ms = self._now_ms()
        span = (now_ms - self._lookback_ms, now_ms)
        parts = [newest(querier.select(matchers, *span), span, turn) for matchers in matcher_sets]
        return united(querier.symbols, parts)


def encoded(scrape: Scrape, wanted: Format) -> Iterator[Buffer]:
    scrape = scrape.in_families()
    if wanted.form is Form.PROTOBUF:
        return encode_families(scrape, any_names=wanted.any_names)
    return encode_text(scrape, wanted)


def newest(selection: Selection, span: tuple[int, int], turn: Slot) -> Scrape:
    """The newest sample of each row, if it is in the span, both ends inclusive, and no stale
    marker. Raises QueryCanceled."""
    rows, lookback_ms = selection.labels.rows, span[1] - span[0] + 1
    blocks, found = [], []
    for first in range(0, rows, BLOCK_ROWS):
        if turn.cancelled():
            raise QueryCanceled("federation was canceled")
        samples = selection.read(first, min(rows, first + BLOCK_ROWS))
        shape = (samples.series_count, 1)
        positions, present = np.empty(shape, np.int64), np.zeros(shape, np.bool_)
        ends = np.array([span[1]], np.int64)
        latest_positions(
            samples.offsets,
            samples.timestamps,
            samples.values,
            ends,
            lookback_ms,
            positions,
            present,
        )
        at = positions[present]
        natives = None if samples.natives is None else only_used(samples.natives.at(at))
        blocks.append((samples.timestamps[at], samples.values[at], natives))
        found.append(first + np.flatnonzero(present))
    kept = np.concatenate([np.zeros(0, np.int64), *found])
    return Scrape(
        selection.labels.take(kept),
        np.concatenate([np.zeros(0, np.int64), *(times for times, _, _ in blocks)]),
        np.concatenate([np.zeros(0), *(values for _, values, _ in blocks)]),
        merged([natives for _, _, natives in blocks], [len(times) for times, _, _ in blocks]),
    )


def only_used(natives: Natives) -> Natives | None:
    """The same without histograms that no row has; None if none has any."""
    mask = natives.mask
    if not mask.any():
        return None
    rows = np.full(len(mask), -1, np.int32)
    rows[mask] = np.arange(int(mask.sum()))
    return Natives(take(natives.histograms, natives.rows[mask]), rows)


def united(symbols: Symbols, parts: Sequence[Scrape]) -> Scrape:
    """The rows of all parts, those of equal labels once."""
    if len(parts) == 1:
        return parts[0]
    labels = stack_frames(symbols, [part.labels for part in parts])
    together = Scrape(
        labels,
        np.concatenate([np.zeros(0, np.int64), *(part.timestamps for part in parts)]),
        np.concatenate([np.zeros(0), *(part.values for part in parts)]),
        merged([part.natives for part in parts], [len(part) for part in parts]),
    )
    firsts = labels.group(labels.names)[1]
    return together.take(firsts)
