"""Templates expanded: the table of what each becomes, and the limits."""

import pytest

from rules.errors import TemplateError
from rules.templates.expander import Expander, check
from rules.templates.functions import NOWHERE
from rules.templates.values import Data
from tests.makers.rules.templates import Case, cases, expander

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.template)
def test_the_table(case: Case) -> None:
    if case.kind == "?":
        with pytest.raises(TemplateError) as caught:
            check("A", case.template)
        assert str(caught.value) == f"template: __alert_A:1: {case.result}"
        return
    expanded = expander().expand(case.template)
    assert expanded.text == case.text
    assert bool(expanded.error) == (case.kind == "!")


def test_the_table_has_all_kinds() -> None:
    assert len(CASES) > 200
    assert {case.kind for case in CASES} == set("=!?")


def test_what_is_no_template_is_its_own_text() -> None:
    broken = Expander("X", Data(), NOWHERE).expand("{{ foo }}")
    assert broken.text == (
        "<error expanding template: error parsing template __alert_X: "
        'template: __alert_X:1: function "foo" not defined>'
    )
    assert Expander("X", Data(), NOWHERE).expand("plain } text").text == "plain } text"


def test_lines_are_counted() -> None:
    text = "a\n{{ if true }}\n{{ index .Labels 5 }}{{ end }}"
    expanded = expander().expand(text)
    assert 'template: __alert_A:3:3: executing "__alert_A" at <index .Labels 5>' in expanded.text
    with pytest.raises(TemplateError, match="^template: __alert_A:3: unclosed action started at"):
        check("A", "a\n{{ 1\n")


def test_columns_count_bytes() -> None:
    assert "__alert_A:1:117:" in expander().expand("é{{ len 1 }}").text


DOUBLING = '{{ $x := "0123456789" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}'
LOOPS = "{{ range 1000 }}{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}{{ end }}"
REPLACING = '{{ $x := printf "%100000s" "a" }}{{ len (reReplaceAll " " $x $x) }}'
BOTTOMLESS = '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DOUBLING, "exceeded the limit of 1048576 bytes of text"),
        (LOOPS, "exceeded the limit of 100000 steps"),
        ("{{ range 100000000 }}{{ end }}", "exceeded the limit of 100000 steps"),
        (REPLACING, "exceeded the limit of 1048576 bytes of text"),
        (BOTTOMLESS, "exceeded maximum template depth (100)"),
        ('{{ len (printf "%999999d%999999d" 1 2) }}', "exceeded the limit of 1048576 bytes"),
        ("{{ range 90000 }}............{{ end }}", "exceeded the limit of 1048576 bytes of text"),
        ("{{ " + "(" * 200, "nested more than 50 levels deep"),
        ("{{ if 1 }}" * 200, "nested more than 50 levels deep"),
        ("{{" + "x" * (1 << 20), "is longer than 1048576"),
    ],
    ids=str.__len__,
)
def test_limits(text: str, reason: str) -> None:
    expanded = expander().expand(text)
    assert reason in expanded.error


def test_recursion_is_bounded_however_deep_the_frames_are() -> None:
    nested = '{{ if 1 }}{{ with 1 }}{{ range 1 }}{{ template "a" }}{{ end }}{{ end }}{{ end }}'
    text = f'{{{{ define "a" }}}}{nested}{{{{ end }}}}{{{{ template "a" }}}}'
    error = expander().expand(text).error
    assert "nested too deep" in error or "exceeded maximum template depth" in error
