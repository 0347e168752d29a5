"""LabelNames and LabelValues of the StoreAPI: what labels the series of a stretch of time have."""

from collections.abc import Iterator

from api.answers.wire.fields import as_bytes
from api.endpoints.handler import Call, Job, Slot
from api.promql.queryable import losses_of
from api.sources.queriers import QuerierSource
from api.sources.store import Querier
from api.thanos.errors import Incomplete
from api.thanos.fields import message, text
from api.thanos.requests import LabelsRequest
from api.thanos.series import AS_STORED
from storage.labels.frames import LabelFrame

FOUND, WARNINGS = 1, 2


class LabelHandlers:
    """The two methods over one store."""

    def __init__(self, source: QuerierSource) -> None:
        self._source = source

    def names(self, call: Call) -> Job:
        """The names of labels. Raises BadData."""
        request = LabelsRequest.decode_names(call.body)

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._querier(call)
            names = [n for n in self._labels(querier, request).names if n not in request.without]
            yield answer(names, querier, request)

        return Job(run)

    def values(self, call: Call) -> Job:
        """The values of one label; of one that is to be taken off, none. Raises BadData."""
        request = LabelsRequest.decode_values(call.body)

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._querier(call)
            values: list[str] = []
            if request.label not in request.without:
                values = self._labels(querier, request).values_of(request.label)
            yield answer(values, querier, request)

        return Job(run)

    def _querier(self, call: Call) -> Querier:
        return self._source.querier(call.tenants, AS_STORED)

    def _labels(self, querier: Querier, request: LabelsRequest) -> LabelFrame:
        return querier.series([request.matchers], request.start_ms, request.end_ms)


def answer(found: list[str], querier: Querier, request: LabelsRequest) -> bytes:
    """The response with the first of some texts. Raises Incomplete if that is not wanted."""
    losses = losses_of(querier)
    if losses and request.is_strict:
        raise Incomplete("; ".join(losses))
    texts = found[: request.limit] if request.limit else found
    parts = [message(FOUND, as_bytes(each)) for each in texts]
    return b"".join([*parts, *(text(WARNINGS, loss) for loss in losses)])
