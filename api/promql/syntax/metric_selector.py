"""The parser of a text that is one series selector and nothing else, as `match[]` has to be.

It is a language of its own beside expressions: a keyword or the name of a function is a metric
name, a metric name may be given twice, and a selector may match everything.
"""

from api.promql.features import DEFAULT_FEATURES
from api.promql.syntax.parser import NAMES
from api.promql.syntax.selector_parser import SelectorParser
from api.promql.syntax.tokens import TokenStream
from storage.labels.matchers import Matcher


def parse_metric_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a series selector. Raises ParseError."""
    tokens = TokenStream(text.encode("utf-8", "surrogateescape"))
    first = tokens.peek()
    if first.kind not in NAMES and first.kind != "{":
        raise tokens.unexpected()
    name = tokens.take() if first.kind in NAMES else None
    selector = SelectorParser(tokens, DEFAULT_FEATURES).selector(name)
    if tokens.peek().kind != "eof":
        raise tokens.unexpected()
    return selector.matchers
