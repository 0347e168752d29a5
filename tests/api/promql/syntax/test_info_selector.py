"""Which metrics are info metrics, and what is taken from them."""

import pytest

from api.promql.features import ALL_FEATURES
from api.promql.syntax.info_selector import ANY_INFO, TARGET_INFO, InfoSelector, info_selector
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from storage.labels.matchers import Matcher


def selector(labels: str) -> InfoSelector:
    call = parse(f"info(x, {{{labels}}})" if labels else "info(x)", ALL_FEATURES)
    assert isinstance(call, Call)
    return info_selector(call)


NAMED = Matcher("__name__", "=~", "a|b")
NOT_B = Matcher("__name__", "!=", "b")
DATA = Matcher("v", "=", "1")


@pytest.mark.parametrize(
    ("labels", "names", "data"),
    [
        ("", (TARGET_INFO,), ()),
        ('v="1"', (TARGET_INFO,), (DATA,)),
        ('__name__=~"a|b"', (NAMED,), ()),
        ('__name__!="b"', (ANY_INFO, NOT_B), ()),
        ('v="1", __name__=~"a|b", __name__!="b"', (NAMED, NOT_B), (DATA,)),
    ],
)
def test_names_and_data_are_told_apart(
    labels: str, names: tuple[Matcher, ...], data: tuple[Matcher, ...]
) -> None:
    found = selector(labels)
    assert (found.names, found.data) == (names, data)
    assert found.matchers == names + data


@pytest.mark.parametrize(
    ("labels", "name", "expected"),
    [
        ("", "target_info", True),
        ("", "build_info", False),
        ('__name__!="b_info"', "a_info", True),
        ('__name__!="b_info"', "b_info", False),
        ('__name__!="b_info"', "_info", False),
        ('__name__=~".+_info", __name__!~"a.*"', "b_info", True),
        ('__name__=~".+_info", __name__!~"a.*"', "a_info", False),
    ],
)
def test_info_metrics_are_told_by_their_names(labels: str, name: str, expected: bool) -> None:
    assert selector(labels).is_info(name) == expected


@pytest.mark.parametrize(
    ("labels", "may_be_missing", "takes"),
    [
        ("", True, {"v", "w"}),
        ('__name__="a"', True, {"v", "w"}),
        ('v="1"', False, {"v"}),
        (r'v=~"1|\xff"', False, {"v"}),
        ('v=~".*"', True, {"v"}),
        ('v!="1", w=~".*"', True, {"v", "w"}),
        ('v=~".*", w=~".+"', False, {"v", "w"}),
    ],
)
def test_matchers_say_what_is_taken(labels: str, may_be_missing: bool, takes: set[str]) -> None:
    found = selector(labels)
    assert found.may_be_missing() == may_be_missing
    assert {name for name in ("__name__", "v", "w") if found.takes(name)} == takes
