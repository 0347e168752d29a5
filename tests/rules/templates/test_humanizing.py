"""Numbers as people read them: the examples of Prometheus' documentation and their edges."""

import math
from collections.abc import Callable

import pytest

from rules.errors import FunctionError
from rules.templates.humanizing import (
    duration_of,
    humanize,
    humanize_1024,
    humanize_duration,
    humanize_percentage,
    humanize_timestamp,
    number_of,
    time_of,
)
from rules.templates.values import Duration, StringMap, Value


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (humanize, 0.0, "0"),
        (humanize, 1234567.0, "1.235M"),
        (humanize, 0.12, "120m"),
        (humanize, float(2**64 - 1), "18.45E"),
        (humanize, 999999.0, "1000k"),
        (humanize, math.inf, "+Inf"),
        (humanize, -math.inf, "-Inf"),
        (humanize, math.nan, "NaN"),
        (humanize, "1e-30", "1e-06y"),
        (humanize_1024, 1048576, "1Mi"),
        (humanize_1024, 0.12, "0.12"),
        (humanize_1024, 1.0, "1"),
        (humanize_1024, math.nan, "NaN"),
        (humanize_duration, 0, "0s"),
        (humanize_duration, 899.99, "14m 59s"),
        (humanize_duration, 3600, "1h 0m 0s"),
        (humanize_duration, 86400, "1d 0h 0m 0s"),
        (humanize_duration, -86400, "-1d 0h 0m 0s"),
        (humanize_duration, 1.2345, "1.234s"),
        (humanize_duration, 0.1, "100ms"),
        (humanize_duration, 1e-10, "100ps"),
        (humanize_duration, math.inf, "+Inf"),
        (humanize_duration, Duration(90_000_000_000), "1m 30s"),
        (humanize_percentage, 0.1234567, "12.35%"),
        (humanize_percentage, 123.4567, "1.235e+04%"),
        (humanize_timestamp, 1435065584.128, "2015-06-23 13:19:44.128 +0000 UTC"),
        (humanize_timestamp, -1.5, "1969-12-31 23:59:58.5 +0000 UTC"),
        (humanize_timestamp, math.nan, "NaN"),
    ],
)
def test_texts(function: Callable[[Value], str], value: Value, text: str) -> None:
    assert function(value) == text


@pytest.mark.parametrize(
    ("function", "value", "error"),
    [
        (number_of, "one", 'strconv.ParseFloat: parsing "one": invalid syntax'),
        (number_of, "1e999", 'strconv.ParseFloat: parsing "1e999": value out of range'),
        (number_of, True, "can't convert bool to float"),
        (number_of, None, "can't convert <nil> to float"),
        (number_of, StringMap(), "can't convert map[string]string to float"),
        (time_of, math.inf, "value is NaN or Inf"),
        (duration_of, math.nan, "value is NaN or Inf"),
        (duration_of, 1e300, "1e+300 cannot be represented as a duration"),
        (humanize_timestamp, 1e19, "1e+19 cannot be represented as a nanoseconds timestamp"),
    ],
)
def test_errors(function: Callable[[Value], object], value: Value, error: str) -> None:
    with pytest.raises(FunctionError) as caught:
        function(value)
    assert str(caught.value).startswith(error)
