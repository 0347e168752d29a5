"""Which series the endpoints about cardinality count: the parameters that say so."""

from dataclasses import dataclass

from api.errors import BadData, invalid_parameter
from api.forms import Params
from api.params import optional_time_ms, report_params
from api.times import MIN_TIME_MS, parse_integer
from storage.labels.matchers import Matcher

MatcherSets = tuple[tuple[Matcher, ...], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """The series to be counted, by the range in which they have samples, both ends inclusive;
    before: a range to compare with, None for none."""

    matcher_sets: MatcherSets
    span: tuple[int, int]
    before: tuple[int, int] | None


def counted(params: Params, *, now_ms: int) -> Counted:
    """What series to count: those of an hour up to now by default; raises BadData."""
    selected = report_params(params, now_ms=now_ms)
    before = None
    if params.first("compare_start") or params.first("compare_end"):
        span_ms = selected.end_ms - selected.start_ms
        end_ms = optional_time_ms(params, "compare_end", selected.start_ms)
        earlier_ms = max(MIN_TIME_MS, end_ms - span_ms)
        start_ms = optional_time_ms(params, "compare_start", earlier_ms)
        if end_ms < start_ms:
            cause = "end timestamp must not be before start time"
            raise invalid_parameter("compare_end", cause)
        before = (start_ms, end_ms)
    return Counted(selected.matcher_sets, (selected.start_ms, selected.end_ms), before)


def counted_limit(params: Params, default: int, most: int) -> int:
    """A limit that is never off; raises BadData."""
    text = params.first("limit")
    try:
        limit = parse_integer(text) if text else default
    except ValueError:
        limit = 0
    if limit < 1:
        raise BadData("limit must be a positive number")
    if limit > most:
        raise BadData(f"limit must not exceed {most}")
    return limit
