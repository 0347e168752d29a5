"""The endpoint that returns the exemplars behind a query."""

from collections.abc import Iterator

from api.answers.exemplars import encode_exemplars
from api.endpoints.handler import NOTHING, Call, Job, Slot
from api.errors import BadData
from api.params import exemplar_params
from api.promql.engine import Engine
from api.promql.errors import ParseError
from api.promql.queryable import losses_of
from api.promql.syntax.nodes import Node, VectorSelector, children
from api.sources.queriers import QuerierSource
from storage.labels.matchers import Matcher


class ExemplarHandlers:
    """Exemplars by the selectors of an expression, which is parsed but not evaluated."""

    def __init__(self, source: QuerierSource, engine: Engine) -> None:
        self._source = source
        self._engine = engine

    def query_exemplars(self, call: Call) -> Job | bytes:
        """The exemplars of all series that some selector of the expression selects, whatever its
        range, offset and place in the expression."""
        params = exemplar_params(call.params)
        self._source.limits(call.tenants).check_text(params.text)
        try:
            matcher_sets = selectors_of(self._engine.parse(params.text))
        except ParseError as error:
            raise BadData(str(error)) from None  # alone, unlike that of a query
        if not matcher_sets:
            return NOTHING

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._source.querier(call.tenants, params.replicas)
            found = querier.exemplars(matcher_sets, params.start_ms, params.end_ms)
            yield from encode_exemplars(found, warnings=losses_of(querier))

        return Job(run)


def selectors_of(root: Node) -> list[tuple[Matcher, ...]]:
    """The matchers of every selector of an expression, equal ones once."""
    found: dict[tuple[Matcher, ...], None] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        if isinstance(node, VectorSelector):
            found[node.matchers] = None
    return list(found)
