"""Selectors on the command line: {job="x",instance=~"y.*"}, name{...} or a name alone."""

from api.promql.errors import ParseError
from api.promql.syntax.metric_selector import parse_metric_selector
from storage.labels.matchers import Matcher


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a selector, as PromQL has it. Raises ValueError, which says what is
    allowed."""
    try:
        return parse_metric_selector(text)
    except ParseError as error:
        allowed = 'allowed is a selector such as {job="x",instance=~"y.*"}'
        raise ValueError(f"got {text!r}: {error}; {allowed}") from None
