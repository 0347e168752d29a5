"""Exemplars of the series that an expression selects.

ExemplarsRequest    query=1, start=2, end=3 (ms)
ExemplarsResponse   data=1 ExemplarData {series_labels=1, exemplars=2 Exemplar}
Exemplar            labels=1, value=2, ts=3
"""

from collections.abc import Iterator

from api.endpoints.exemplars import selectors_of
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData
from api.promql.engine import Engine
from api.promql.errors import ParseError
from api.sources.queriers import QuerierSource
from api.thanos.fields import label_set, message, number, real
from api.thanos.requests import Fields
from api.thanos.series import AS_STORED
from storage.read.exemplars import ExemplarSelection
from storage.samples.exemplars import ExemplarLabels

DATA, SERIES_LABELS, EXEMPLARS = 1, 1, 2


class ExemplarHandlers:
    """The method over one store."""

    def __init__(self, source: QuerierSource, engine: Engine) -> None:
        self._source = source
        self._engine = engine

    def exemplars(self, call: Call) -> Job:
        """Raises BadData."""
        request = Fields(call.body)
        query, span = request.text(1), (request.time_ms(2), request.time_ms(3))
        self._source.limits(call.tenants).check_text(query)
        try:
            matcher_sets = selectors_of(self._engine.parse(query))
        except ParseError as error:
            raise BadData(str(error)) from None

        def run(turn: Slot) -> Iterator[bytes]:
            if not matcher_sets:
                return
            querier = self._source.querier(call.tenants, AS_STORED)
            yield from frames(querier.exemplars(matcher_sets, *span))

        return Job(run)


def frames(found: ExemplarSelection) -> Iterator[bytes]:
    """A message for each series, in the order of their labels."""
    for row in found.labels.order().tolist():
        first, end = found.offsets[row : row + 2].tolist()
        labels = label_set(SERIES_LABELS, found.labels.labelset(row))
        own = map(
            exemplar,
            found.exemplar_labels[first:end],
            found.values[first:end].tolist(),
            found.timestamps[first:end].tolist(),
        )
        yield message(DATA, labels + b"".join(own))


def exemplar(labels: ExemplarLabels, value: float, time_ms: int) -> bytes:
    return message(EXEMPLARS, label_set(1, dict(labels)) + real(2, value) + number(3, time_ms))
