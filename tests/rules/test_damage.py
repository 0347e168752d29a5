"""Damaged templates and files: whatever they hold, the answer is a text or one of our errors."""

import random
from collections.abc import Callable

import pytest

from rules.errors import RulesError
from rules.files.loader import load
from rules.unit_tests.cases import parse_tests
from rules.unit_tests.notation import parse_labels, parse_values
from tests.makers.rules.files import rule_file
from tests.makers.rules.templates import cases, expander

IN_TEMPLATES = (
    *("{{", "}}", "|", '"', "(", ")", ".", "$", "1", "-1", "1e400", "%*d", "%[3]*.[2]*[1]f"),
    *("nil", "true", " ", "range", "end", "if", "else", "é", "\udcff", "\\", "`", "'", "printf"),
    *("index", "slice", "9" * 25, ":=", ",", "toTime", ".Labels", 'query "m"', "/*", "*/", "- "),
)
IN_FILES = (
    *(b"\xff", b"*a", b"&a ", b"<<: ", b"!!int ", b"!!binary ", b"!x ", b"? ", b"- ", b": "),
    *(b"{", b"}", b"[", b"]", b'"', b"'", b"|\n", b"~", b"\0", b"---\n", b"...\n", b"\t"),
    *(b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"9" * 30, b".inf", b'"\\xff"', b"%YAML 1.1\n"),
)
IN_SERIES = (
    *("1+1x3", "{{schema:1 count:3 buckets:[1 2]}}+{{count:1}}x3", "_x3", "stale", "1e400"),
    *("1h", "0x5", "{{", "}}", "x", "+", "_", "NaN", "[1", " ", '{a="b"}', '"', ","),
)


def test_templates() -> None:
    draw = random.Random(1)
    texts = [case.template for case in cases()]
    for _ in range(3_000):
        text = draw.choice(texts)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(text) + 1)
            kept = at + draw.choice((0, 0, draw.randint(1, 5)))
            text = text[:at] + draw.choice((*IN_TEMPLATES, "")) + text[kept:]
        assert isinstance(expander().expand(text).text, str)


@pytest.mark.parametrize("read", [load, parse_tests])
def test_files(read: Callable[[bytes], object]) -> None:
    draw = random.Random(2)
    for seed in range(300):
        content = rule_file(seed).encode()
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(content) + 1)
            kept = at + draw.choice((0, 0, draw.randint(1, 9)))
            content = content[:at] + draw.choice(IN_FILES) + content[kept:]
        try:
            assert read(content) is not None
        except RulesError as error:
            assert str(error) != ""


@pytest.mark.parametrize("read", [parse_values, parse_labels])
def test_series(read: Callable[[str], object]) -> None:
    draw = random.Random(3)
    for _ in range(2_000):
        text = "".join(draw.choice(IN_SERIES) for _ in range(draw.randint(1, 6)))
        try:
            assert read(text) is not None
        except RulesError as error:
            assert str(error) != ""
