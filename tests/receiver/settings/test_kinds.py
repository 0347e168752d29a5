"""Setting values as text and back."""

import pytest

from receiver.settings.kinds import PARSERS, parse_value, render

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("text", "x", "x"),
        ("text", "", ""),
        ("integer", 5, 5),
        ("integer", "005", 5),
        ("bytes", 4096, 4096),
        ("bytes", "4096", 4096),
        ("bytes", "4096B", 4096),
        ("bytes", "64MiB", 64 << 20),
        ("bytes", "1 GiB", 1 << 30),
        ("bytes", "1GB", 10**9),
        ("bytes", "2TiB", 2 << 40),
        ("bytes", "3KB", 3000),
        ("duration", "15d", 15 * DAY),
        ("duration", "1h30m", 90 * MINUTE),
        ("duration", "1y2w3d4h5m6s7ms", 382 * DAY + 4 * HOUR + 5 * MINUTE + 6_007),
        ("duration", "500ms", 500),
        ("duration", "0", 0),
        ("duration", 0, 0),
        ("duration", "0s", 0),
        ("flag", True, True),
        ("flag", "false", False),
        ("list", "a,b", ("a", "b")),
        ("list", " a , ,b,", ("a", "b")),
        ("list", "", ()),
        ("list", ["a", "b,c"], ("a", "b,c")),
        ("list", [], ()),
    ],
)
def test_values(kind: str, given: object, value: object) -> None:
    assert parse_value(kind, given, None) == value
    assert type(parse_value(kind, given, None)) is type(value)


@pytest.mark.parametrize(
    ("kind", "given", "text"),
    [
        ("text", 5, "a text"),
        ("text", None, "a text"),
        ("integer", "x", "a whole number"),
        ("integer", 1.5, "a whole number"),
        ("integer", True, "a whole number"),
        ("integer", "9" * 5000, "a whole number"),
        ("integer", -1, "0 to 9223372036854775807"),
        ("integer", 1 << 63, "0 to 9223372036854775807"),
        ("bytes", "64 mb", "a size"),
        ("bytes", "64iB", "a size"),
        ("bytes", "1.5GiB", "a size"),
        ("bytes", "-1", "a size"),
        ("bytes", True, "a size"),
        ("bytes", "9" * 30, "0 to"),
        ("duration", "", "a duration"),
        ("duration", "5", "a duration"),
        ("duration", 5, "a duration"),
        ("duration", "1m1h", "a duration"),
        ("duration", "-5m", "a duration"),
        ("duration", "1.5h", "a duration"),
        ("duration", False, "a duration"),
        ("duration", "9" * 50 + "y", "0 to"),
        ("flag", "yes", "true or false"),
        ("flag", 1, "true or false"),
        ("list", ["a", 1], "a list"),
        ("list", {"a": 1}, "a list"),
    ],
)
def test_wrong_values_say_what_is_allowed(kind: str, given: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_value(kind, given, None)


@pytest.mark.parametrize(
    ("kind", "allowed", "good", "bad", "text"),
    [
        ("text", ("a", "b"), "a", "c", "one of a, b"),
        ("integer", (1, 9), 9, 10, "1 to 9"),
        ("integer", (-5, 5), "-5", -6, "-5 to 5"),
        ("bytes", (1, 1 << 20), "1MiB", "2MiB", "1 to 1MiB"),
        ("duration", (1_000, 60_000), "1s", "0", "1s to 1m"),
    ],
)
def test_allowed_values(
    kind: str, allowed: tuple[object, ...], good: object, bad: object, text: str
) -> None:
    parse_value(kind, good, allowed)
    with pytest.raises(ValueError, match=text):
        parse_value(kind, bad, allowed)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("duration", 15 * DAY, "15d"),
        ("duration", 90 * MINUTE, "90m"),
        ("duration", 0, "0"),
        ("duration", 1_500, "1500ms"),
        ("bytes", 64 << 20, "64MiB"),
        ("bytes", 1_000, "1000"),
        ("integer", 1_000_000, "1000000"),
        ("flag", True, "true"),
        ("list", ("a", "b"), "a,b"),
        ("list", (), ""),
        ("text", "x", "x"),
    ],
)
def test_rendered_values_are_read_back(kind: str, value: object, text: str) -> None:
    assert render(kind, value) == text
    assert PARSERS[kind](text) == value
