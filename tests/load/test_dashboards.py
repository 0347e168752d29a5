"""What a dashboard asks for, and what is reported of it."""

import urllib.parse

import dashboards
import pytest
from bodies import METRIC, Corpus
from dashboards import PANELS, STEPS, Times, line_of, panels, rows_of, targets
from report import OURS, VICTORIA

from api.promql.syntax.nodes import VectorSelector, children
from api.promql.syntax.parser import parse

CORPUS = Corpus("", [0], 1, 1, 1, 1, 0, 3_600_000)


def selector(text: str) -> VectorSelector:
    node = parse(text)
    while not isinstance(node, VectorSelector):
        (node,) = children(node)
    return node


def test_each_panel_selects_a_hundred_series() -> None:
    texts = panels(dashboards.SHAPE.series)
    assert len(set(texts)) == len(texts) == PANELS
    for text in texts:
        chosen = selector(text)
        values = {matcher.name: matcher.value for matcher in chosen.matchers}
        assert chosen.name == METRIC
        instances = len(set(values["instance"].split("|")))
        assert instances * len(values["mode"].split("|")) == 100


def test_a_panel_has_240_steps() -> None:
    line = line_of(CORPUS, "up", {"nocache": "1"})
    asked = dict(urllib.parse.parse_qsl(line.partition("?")[2]))
    count = (int(asked["end"]) - int(asked["start"])) // int(asked["step"]) + 1
    assert count == STEPS and asked["nocache"] == "1"


@pytest.mark.parametrize(("ours", "met"), [(0.004, True), (0.006, False)])
def test_targets_are_half_of_theirs_and_fifty_milliseconds(ours: float, met: bool) -> None:
    values = {"mode, anew": ours * 10}
    found = {
        OURS: Times(ours, ours, values),
        VICTORIA: Times(0.010, 0.010, {"mode, anew": 0.001}),
    }
    assert [target.met for target in targets(found)] == [met] * 3
    assert rows_of(found)["a panel of 20, cold"] == {OURS: ours, VICTORIA: 0.010}


def test_nothing_is_met_that_was_not_measured() -> None:
    assert [target.met for target in targets({})] == [None] * 3
