"""The functions that take a time in seconds apart: year, month, day, hour and minute, in UTC.

Dates are those of the proleptic Gregorian calendar, counted in years that begin in March, so that
the leap day comes last (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").

As in Go, seconds are counted without a sign from a March of the year -292277022400 on. The few
int64 times before that wrap round and lie at the end of all time, in the year 292277026596; so does
NaN.
"""

from __future__ import annotations

import numpy as np

from api.promql.context import Context
from api.promql.syntax.nodes import Call
from api.promql.vectors.blocks import blocks
from api.promql.vectors.names import drop_metric_name
from api.promql.vectors.natives import only_floats
from api.promql.vectors.value import Value, Vector
from storage.kernels.arrays import Float64s, Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import one_row

# The fields of a time, in the order in which they can be worked out.
MINUTE, HOUR, WEEKDAY, DAY, DAY_OF_YEAR, DAYS_IN_MONTH, MONTH, YEAR = range(8)
FIELDS = {
    "minute": MINUTE,
    "hour": HOUR,
    "day_of_week": WEEKDAY,
    "day_of_month": DAY,
    "day_of_year": DAY_OF_YEAR,
    "days_in_month": DAYS_IN_MONTH,
    "month": MONTH,
    "year": YEAR,
}
DAYS_TO_MARCH_OF_YEAR_0 = 719_468  # from 0000-03-01 to 1970-01-01
DAYS_OF_400_YEARS = 146_097
ERAS_BEFORE_YEAR_0 = 730_692_556  # of 400 years each, since seconds are counted
SECONDS_OF_DAY = 86_400
DAYS_BEFORE_1970 = ERAS_BEFORE_YEAR_0 * DAYS_OF_400_YEARS + DAYS_TO_MARCH_OF_YEAR_0
SECONDS_BEFORE_1970 = np.uint64(DAYS_BEFORE_1970 * SECONDS_OF_DAY)
FIRST_WEEKDAY = 3  # seconds are counted from a Wednesday on; Sunday is 0
INT64_BOUND = 2.0**63


def calendar_field(context: Context, call: Call, args: list[Value]) -> Vector:
    """One field of the time that the argument's values are, or of the step time without one."""
    field = FIELDS[call.func]
    if not args:
        values = split_times(whole_seconds(context.steps)[np.newaxis, :], field)
        return Vector(one_row(context.symbols), values, np.ones(values.shape, np.bool_))
    assert isinstance(args[0], Vector), f"BUG: {call.func} of a {type(args[0]).__name__}"
    vector = only_floats(args[0])
    values = np.empty(vector.values.shape)
    for rows in blocks(context.check, *vector.values.shape):
        values[rows] = split_times(truncate(vector.values[rows]), field)
    return drop_metric_name(context, Vector(vector.labels, values, vector.present))


CALENDAR = dict.fromkeys(FIELDS, calendar_field)


def truncate(values: Float64s) -> Int64s:
    """Whole seconds; what int64 cannot hold is its smallest value, as on the usual processors."""
    fits = np.abs(values) < INT64_BOUND
    return np.where(fits, values, -INT64_BOUND).astype(np.int64)


def whole_seconds(times_ms: Int64s) -> Int64s:
    """Times in seconds, cut off towards zero."""
    seconds: Int64s = times_ms // 1000 + ((times_ms < 0) & (times_ms % 1000 != 0))
    return seconds


def rfc3339(time_ms: int) -> str:
    """A time in whole seconds as Go writes it, of whatever year."""
    seconds = whole_seconds(np.array([[time_ms]], np.int64))
    fields = (YEAR, MONTH, DAY, HOUR, MINUTE)
    year, month, day, hour, minute = (int(split_times(seconds, f)[0, 0]) for f in fields)
    sign = "-" if year < 0 else ""
    date = f"{sign}{abs(year):04}-{month:02}-{day:02}"
    return f"{date}T{hour:02}:{minute:02}:{int(seconds[0, 0]) % 60:02}Z"


@kernel
def split_times(seconds: Int64s, field: int) -> Float64s:
    """The field with that number of each time."""
    out = np.empty(seconds.shape)
    for i in range(seconds.shape[0]):
        for k in range(seconds.shape[1]):
            out[i, k] = time_field(seconds[i, k], field)
    return out


@kernel
def time_field(second: int, field: int) -> int:
    counted = np.uint64(second) + SECONDS_BEFORE_1970
    of_day = int(counted % np.uint64(SECONDS_OF_DAY))
    days = int(counted // np.uint64(SECONDS_OF_DAY))
    if field == MINUTE:
        return of_day % 3600 // 60
    if field == HOUR:
        return of_day // 3600
    if field == WEEKDAY:
        return (days + FIRST_WEEKDAY) % 7
    era = days // DAYS_OF_400_YEARS - ERAS_BEFORE_YEAR_0
    day_of_era = days % DAYS_OF_400_YEARS
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    leap = 1 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 0
    if field == DAY:
        return day_of_year - (153 * month_from_march + 2) // 5 + 1
    if field == DAY_OF_YEAR:
        return day_of_year - 305 if month <= 2 else day_of_year + 60 + leap
    if field == DAYS_IN_MONTH:
        if month == 2:
            return 28 + leap
        return 30 if month in (4, 6, 9, 11) else 31
    return month if field == MONTH else year
