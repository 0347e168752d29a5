"""What Prometheus' own parser answers: every published case, exactly.

Errors with their positions, canonical and formatted texts, and types; under all features and under
those that are on by default.
"""

import json
from typing import Any

import pytest

from api.promql.errors import ParseError
from api.promql.features import ALL_FEATURES, DEFAULT_FEATURES, Features
from api.promql.syntax.nodes import Node
from api.promql.syntax.parser import parse
from api.promql.syntax.prettier import prettify
from api.promql.syntax.printer import to_string
from tests.shared import SHARED

CONFORMANCE = SHARED / "conformance"


def read(name: str) -> str:
    path = CONFORMANCE / name
    if not path.exists():
        pytest.skip(f"no reference data at {path}; set CUPOLA_SHARED")
    return path.read_text()


def parsed(text: str, features: Features) -> tuple[Node | None, str | None]:
    try:
        return parse(text, features), None
    except ParseError as error:
        return None, str(error)


def replaced(text: str) -> str:
    """As the golden file has it: bytes that are not UTF-8 became U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def answer(text: str) -> dict[str, str]:
    node, error = parsed(text, ALL_FEATURES)
    found = {"err": replaced(error)} if error is not None else {}
    if node is not None:
        found["str"] = replaced(to_string(node))
        found["pretty"] = replaced(prettify(node))
        found["type"] = node.type.value
    default_error = parsed(text, DEFAULT_FEATURES)[1]
    if default_error != error:
        found["err_default_flags"] = replaced(default_error or "")
    return found


def test_answers() -> None:
    lines = read("parser_golden.jsonl").splitlines()
    wrong: list[Any] = []
    for line in lines:
        case = json.loads(line)
        expected = {k: v for k, v in case.items() if k not in ("q", "set", "all")}
        found = answer(case["q"])
        if found != expected:
            wrong.append((case["q"], expected, found))
    assert len(lines) == 5638
    assert not wrong, f"{len(wrong)} differ, the first: {wrong[0]}"


def test_error_ranges() -> None:
    """The parser's own table: the first error with its start and end."""
    cases = json.loads(read("parse_test_cases.json"))
    assert len(cases) == 354
    for case in cases:
        try:
            parse(case["input"], ALL_FEATURES)
        except ParseError as error:
            assert case["fail"], case["input"]
            if case["errors"]:
                check_error(case["errors"][0], error)
        else:
            assert not case["fail"], case["input"]


def check_error(expected: dict[str, Any], error: ParseError) -> None:
    # Two messages of the table are templates: their number is left out.
    message = expected["msg"]
    if message.endswith("%f"):
        assert error.message.startswith(message.removesuffix("%f"))
    else:
        assert error.message == message
    assert (max(error.start, 0), error.end) == (expected["start"], expected["end"])


def test_printed_pairs() -> None:
    pairs = json.loads(read("printer_prettier_pairs.json"))
    printed, formatted = pairs["printer_test"], pairs["prettier_test"]
    assert (len(printed), len(formatted)) == (86, 62)
    for text, expected in printed:
        assert to_string(parse(text, ALL_FEATURES)) == expected
    for text, expected in formatted:
        assert prettify(parse(text, ALL_FEATURES), line_bytes_max=10) == expected
