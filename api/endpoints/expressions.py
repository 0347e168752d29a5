"""The endpoints about the text of an expression: it formatted, and its tree. Neither reads data."""

from collections.abc import Iterator

from api.answers.encoding import SUCCESS, encode_data
from api.answers.trees import encode_tree
from api.endpoints.handler import Call, Job, Slot
from api.promql.engine import Engine
from api.promql.syntax.prettier import prettify


class ExpressionHandlers:
    """The endpoints over the parser of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def format_query(self, call: Call) -> Job:
        """The expression in the formatter's lines."""
        text = call.params.first("query")

        def run(turn: Slot) -> Iterator[bytes]:
            yield encode_data(prettify(self._engine.parse(text)))

        return Job(run)

    def parse_query(self, call: Call) -> Job:
        """The tree of the expression."""
        text = call.params.first("query")

        def run(turn: Slot) -> Iterator[bytes]:
            root = self._engine.parse(text)
            yield SUCCESS
            yield from encode_tree(root)
            yield b"}"

        return Job(run)
