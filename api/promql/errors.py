"""The errors of the query engine, one tree:

QueryError
+-- ParseError           the text is no valid expression      bad_data
+-- BadQuery             valid, but cannot be asked so        bad_data
+-- ExecutionError       the evaluation failed                execution
|   +-- TooManySamples   over the sample limit                execution
|   +-- TooManySeries    over the limit on series             execution
+-- QueryTimeout         out of time                          timeout
+-- QueryCanceled        the client went away                 canceled
"""


class QueryError(Exception):
    """Base of all errors that a query can end in. `kind` is Prometheus' errorType."""

    kind = "internal"


class ParseError(QueryError):
    """The query is no valid PromQL. str() is Prometheus' text, `LINE:COL: parse error: ...`.

    start, end: byte offsets of the offending part; -1 where the text has none.
    message: the text without position and prefix.
    """

    kind = "bad_data"

    def __init__(self, message: str, start: int, end: int, query: bytes) -> None:
        self.message = message
        self.start = start
        self.end = end
        super().__init__(f"{_place(start, query)}: parse error: {message}")


class BadQuery(QueryError):
    """A well-formed expression that this endpoint or these parameters do not allow."""

    kind = "bad_data"


class ExecutionError(QueryError):
    """The expression cannot be evaluated over this data."""

    kind = "execution"


class TooManySamples(ExecutionError):
    """The query would hold more samples than `query.max-samples` allows."""


class TooManySeries(ExecutionError):
    """The selectors of the query match more series than it may read."""


class QueryTimeout(QueryError):
    """The evaluation took longer than the query's timeout."""

    kind = "timeout"


class QueryCanceled(QueryError):
    """The query was given up because no one waits for its answer."""

    kind = "canceled"


def _place(start: int, query: bytes) -> str:
    """1-based line and byte column; no position at all for an empty text."""
    if start < 0:
        return "unknown position"
    line_start = query.rfind(b"\n", 0, start) + 1
    line = query.count(b"\n", 0, start) + 1
    return f"{line}:{start - line_start + 1}"
