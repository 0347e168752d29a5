"""Calendar fields against the standard library, and beyond what it can hold."""

import calendar
import datetime
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.functions.dates import FIELDS, calendar_field, split_times, truncate
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
