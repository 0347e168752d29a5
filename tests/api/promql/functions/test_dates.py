"""Calendar fields against the standard library, and beyond what it can hold."""

import calendar
import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.functions.dates import FIELDS, calendar_field, rfc3339, split_times, truncate
from api.promql.syntax.nodes import Call, NumberLiteral, ValueType
from storage.labels.frames import one_row
from tests.twins.promql.vectors import make_context, make_vector, read_vector

EPOCH = datetime.datetime(1970, 1, 1)


@given(
    st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)).map(
        lambda moment: moment.replace(microsecond=0)
    )
)
def test_fields(moment: datetime.datetime) -> None:
    seconds = np.array([[int((moment - EPOCH).total_seconds())]])
    expected = {
        "minute": moment.minute,
        "hour": moment.hour,
        "day_of_week": moment.isoweekday() % 7,
        "day_of_month": moment.day,
        "day_of_year": moment.timetuple().tm_yday,
        "days_in_month": calendar.monthrange(moment.year, moment.month)[1],
        "month": moment.month,
        "year": moment.year,
    }
    got = {name: int(split_times(seconds, i)[0, 0]) for i, name in enumerate(FIELDS)}
    assert got == expected


def call(func: str) -> Call:
    return Call(0, 1, func, (NumberLiteral(0, 1, 0.0),), ValueType.VECTOR)


def test_without_argument_the_step_time_counts() -> None:
    context = make_context(3, step_ms=90_500)
    got = calendar_field(context, call("minute"), [])
    assert read_vector(got) == [({}, [0.0, 1.0, 3.0])]
    assert one_row(context.symbols).names == ()


def test_the_name_goes_and_absence_stays() -> None:
    context = make_context(2)
    vector = make_vector(context, [({"__name__": "m", "a": "x"}, [-1.5, None])])
    assert read_vector(calendar_field(context, call("year"), [vector])) == [
        ({"a": "x"}, [1969.0, None])
    ]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(1.9, 1), (-1.9, -1), (math.nan, -(2**63)), (math.inf, -(2**63)), (1e30, -(2**63))],
)
def test_truncate(value: float, seconds: int) -> None:
    assert truncate(np.array([value]))[0] == seconds


# What Go's time package says of them, in the order of FIELDS.
FAR = [
    (-(2**63), [30, 15, 0, 4, 339, 31, 12, 292277026596]),
    (2**63 - 1024, [13, 15, 0, 4, 339, 31, 12, 292277026596]),
    (9_223_371_900_000_000_000, [0, 8, 0, 4, 64, 31, 3, 292277022260]),
    (-9_223_372_028_715_322_368, [47, 23, 0, 31, 366, 31, 12, -292277022400]),
    (-9_223_371_966_579_726_336, [34, 23, 3, 31, 365, 31, 12, -292277020431]),
    (-9_200_000_000_000_000_000, [26, 12, 2, 3, 123, 31, 5, -291536392293]),
    (-1_000_000_000_000_000, [13, 22, 0, 29, 180, 30, 6, -31686769]),
    (-62_167_219_201, [59, 23, 5, 31, 365, 31, 12, -1]),
    (253_402_300_800, [0, 0, 6, 1, 1, 31, 1, 10000]),
]


@pytest.mark.parametrize(("second", "fields"), FAR)
def test_far_times_are_those_of_go(second: int, fields: list[int]) -> None:
    got = [int(split_times(np.array([[second]]), i)[0, 0]) for i in range(len(FIELDS))]
    assert got == fields


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1970-01-01T00:00:00Z"),
        (-1001, "1969-12-31T23:59:59Z"),
        (253_402_300_800_000, "10000-01-01T00:00:00Z"),
        (-62_167_219_201_000, "-0001-12-31T23:59:59Z"),
        (2**63 - 1, "292278994-08-17T07:12:55Z"),
        (-(2**63), "-292275055-05-16T16:47:05Z"),
    ],
)
def test_times_are_written_as_go_does(time_ms: int, text: str) -> None:
    assert rfc3339(time_ms) == text
