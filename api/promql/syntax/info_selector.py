"""The info series that a call of info() reads, as its second argument describes them.

Matchers of the metric name say which metrics are info metrics; the others choose among their
series, and name the labels that are taken from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.promql.syntax.nodes import Call, VectorSelector
from storage.labels.matchers import METRIC_NAME, Matcher, text_test

TARGET_INFO = Matcher(METRIC_NAME, "=", "target_info")
ANY_INFO = Matcher(METRIC_NAME, "=~", ".+_info")


@dataclass(frozen=True, slots=True)
class InfoSelector:
    """names: the tests of the metric name; data: those of other labels."""

    names: tuple[Matcher, ...]
    data: tuple[Matcher, ...]

    @property
    def matchers(self) -> tuple[Matcher, ...]:
        return self.names + self.data

    def is_info(self, metric_name: str) -> bool:
        return all(test(metric_name) for test in map(text_test, self.names))

    def may_be_missing(self) -> bool:
        """Whether a series stays if there is no info series for it."""
        return all(test("") for test in map(text_test, self.data))

    def takes(self, label: str) -> bool:
        """Whether a label of an info series is one to add."""
        wanted = {matcher.name for matcher in self.data}
        return label != METRIC_NAME and (not wanted or label in wanted)


def info_selector(call: Call) -> InfoSelector:
    """Without a test that says which names are info metrics, target_info is, or, if names are only
    excluded, every metric that ends in _info."""
    matchers: tuple[Matcher, ...] = ()
    if len(call.args) > 1:
        labels = call.args[1]
        assert isinstance(labels, VectorSelector), "BUG: labels of info() that are no selector"
        matchers = labels.matchers
    names = tuple(matcher for matcher in matchers if matcher.name == METRIC_NAME)
    if not names:
        names = (TARGET_INFO,)
    elif all(matcher.op in ("!=", "!~") for matcher in names):
        names = (ANY_INFO, *names)
    return InfoSelector(names, tuple(m for m in matchers if m.name != METRIC_NAME))
