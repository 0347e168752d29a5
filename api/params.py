"""The parameters of a request: text in, typed values out.

Unknown parameters are ignored, as clients send those of other systems along. Errors are BadData
with Prometheus' texts, and of several the one that Prometheus finds first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from api.errors import BadData, invalid_parameter, resolution_exceeded
from api.forms import FORM_ERROR, Params
from api.promql.bounds import DEFAULT_STEPS, Bound
from api.promql.errors import ParseError
from api.promql.go_format import quote
from api.promql.syntax.metric_selector import parse_metric_selector
from api.promql.syntax.type_check import passes_empty
from api.times import (
    MAX_TIME_MS,
    MIN_TIME_MS,
    MS_NS,
    parse_duration_ns,
    parse_integer,
    parse_time_ms,
)
from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from storage.options import HOUR_MS
from storage.refusals.ledger import Wanted
from storage.tenants.tenant import DEFAULT_TENANT, named_tenants, parse_tenant

SELECTORS_KEPT_MAX = 1024
SELECTOR_CHARS_KEPT_MAX = 1024
NO_MATCHER = "match[] must contain at least one non-empty matcher"
STEP_TOO_SHORT = (
    "zero or negative query resolution step widths are not accepted. Try a positive integer"
)
# Of Thanos: all of them are the one engine there is.
ENGINES = ("", "prometheus", "thanos")
STATS_VALUES = ("", "true", "all")

_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)


@dataclass(frozen=True, slots=True)
class ReplicaParams:
    """How replicas are shown. labels, algorithm: those given by the request, or None. partial:
    whether an answer without what another store has is better than none."""

    dedup: bool
    labels: tuple[str, ...] | None
    algorithm: Algorithm | None = None
    partial: bool = True


NO_WISHES = ReplicaParams(True, None)


@dataclass(frozen=True, slots=True)
class QueryParams:
    """What instant and range queries share. limit 0: none; None: the engine's own setting.

    stats: which statistics are wanted: "" for none, "all" for those of each step, too.
    """

    text: str
    limit: int
    timeout_ms: int | None
    lookback_ms: int | None
    stats: str
    replicas: ReplicaParams
    provenance: bool = False


@dataclass(frozen=True, slots=True)
class RangeParams:
    """The evaluation times of a range query, both ends inclusive."""

    start_ms: int
    end_ms: int
    step_ms: int


@dataclass(frozen=True, slots=True)
class SeriesParams:
    """The selection that the label and series endpoints answer about."""

    matcher_sets: tuple[tuple[Matcher, ...], ...]
    start_ms: int
    end_ms: int
    limit: int
    replicas: ReplicaParams

    @property
    def selection(self) -> tuple[tuple[tuple[Matcher, ...], ...], int, int]:
        return self.matcher_sets, self.start_ms, self.end_ms


@dataclass(frozen=True, slots=True)
class ExemplarParams:
    """The expression whose exemplars are wanted, and the times, both inclusive."""

    text: str
    start_ms: int
    end_ms: int
    replicas: ReplicaParams


@dataclass(frozen=True, slots=True)
class MetadataParams:
    """The family wanted, "" for all. limit: of families, none if negative; limit_per_metric: of
    descriptions of each, none unless positive."""

    family: str
    limit: int
    limit_per_metric: int


def tenants_of(headers: Mapping[str, str], *, tenants_max: int) -> tuple[str, ...]:
    """The tenants whose data a request asks for, `a|b`: each once, sorted. Raises BadData or
    TenantError."""
    text = named_tenants(headers)
    if text is None:
        return (DEFAULT_TENANT,)
    tenants = sorted({parse_tenant(part) for part in text.split("|")})
    if len(tenants) > tenants_max:
        raise BadData(
            f"the request names {len(tenants)} tenants; api.max-federated-tenants allows "
            f"{tenants_max}"
        )
    return tuple(tenants)


def query_params(params: Params) -> QueryParams:
    """The common parameters; raises BadData. To be read after the times."""
    limit = limit_of(params)
    timeout_ms = _duration_ms(params, "timeout", 'invalid parameter "timeout": ')
    lookback_ms = _lookback_ms(params)
    replicas = replica_params(params)
    check_engine(params)
    return QueryParams(
        text=params.first("query"),
        limit=limit,
        timeout_ms=timeout_ms,
        lookback_ms=lookback_ms,
        stats=params.first("stats"),
        replicas=replicas,
        provenance=_provenance(params, replicas),
    )


def check_engine(params: Params) -> None:
    """Raises BadData for an engine that Thanos does not have."""
    engine = params.first("engine")
    if engine not in ENGINES:
        allowed = ", ".join(filter(None, ENGINES))
        raise invalid_parameter("engine", f"got {quote(engine)}; allowed are {allowed}")


def stats_warnings(stats: str) -> tuple[str, ...]:
    """What to warn of because of a value of `stats`."""
    if stats in STATS_VALUES:
        return ()
    return (
        f'value {quote(stats)} for parameter "stats" is deprecated and will be rejected in the '
        'next major release, use "true" or "all"',
    )


def instant_time_ms(params: Params, *, now_ms: int) -> int:
    """When an instant query is evaluated; raises BadData."""
    limit_of(params)  # a wrong one is found first
    return optional_time_ms(params, "time", now_ms)


def range_params(params: Params, steps: Bound = DEFAULT_STEPS) -> RangeParams:
    """The evaluation times of a range query; raises BadData. steps: after the first."""
    limit_of(params)  # a wrong one is found first
    start_ms = _required_time_ms(params, "start")
    end_ms = _required_time_ms(params, "end")
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    try:
        step_ns = parse_duration_ns(params.first("step"))
    except ValueError as error:
        raise invalid_parameter("step", error) from None
    if step_ns <= 0:
        raise invalid_parameter("step", STEP_TOO_SHORT)
    steps_count = (end_ms - start_ms) * MS_NS // step_ns
    if steps.is_below(steps_count):
        raise resolution_exceeded(steps_count, steps)
    if step_ns < MS_NS:  # the resolution of time; a shorter step would be none
        raise invalid_parameter("step", STEP_TOO_SHORT)
    return RangeParams(start_ms, end_ms, step_ns // MS_NS)


def series_params(params: Params, *, required: bool = False) -> SeriesParams:
    """The selection of a label or series endpoint; raises BadData.

    required: there has to be a selector, as for series.
    """
    texts = params.all("match[]")
    if required:
        check_form(params)
    if required and not texts:
        raise BadData("no match[] parameter provided")
    limit = limit_of(params)
    start_ms = optional_time_ms(params, "start", MIN_TIME_MS)
    end_ms = optional_time_ms(params, "end", MAX_TIME_MS)
    try:
        matcher_sets = parse_selectors(texts)
    except BadData as error:
        raise invalid_parameter("match[]", error) if required else error from None
    return SeriesParams(matcher_sets, start_ms, end_ms, limit, replica_params(params))


def deletion_params(params: Params) -> tuple[tuple[tuple[Matcher, ...], ...], int, int]:
    """What is to be deleted: selectors, and the first and last time, both inclusive. Raises
    BadData."""
    if params.error:
        raise BadData(f"{FORM_ERROR}: {params.error}")
    texts = params.all("match[]")
    if not texts:
        raise BadData("no match[] parameter provided")
    start_ms = optional_time_ms(params, "start", MIN_TIME_MS)
    end_ms = optional_time_ms(params, "end", MAX_TIME_MS)
    try:
        matcher_sets = parse_selectors(texts)
    except BadData as error:
        raise invalid_parameter("match[]", error) from None
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    return matcher_sets, start_ms, end_ms


def exemplar_params(params: Params) -> ExemplarParams:
    """What exemplars are asked for; raises BadData."""
    start_ms = optional_time_ms(params, "start", MIN_TIME_MS)
    end_ms = optional_time_ms(params, "end", MAX_TIME_MS)
    if end_ms < start_ms:
        raise BadData("end timestamp must not be before start timestamp")
    return ExemplarParams(params.first("query"), start_ms, end_ms, replica_params(params))


def replica_params(params: Params) -> ReplicaParams:
    """Thanos' parameters, where `dedup` may also name an algorithm; raises BadData."""
    dedup, given = params.first("dedup"), params.all("replicaLabels[]")
    partial = _BOOLEANS.get(params.first("partial_response"), True)
    if not (dedup or given) and partial:
        return NO_WISHES
    algorithm = None
    if dedup and dedup not in _BOOLEANS:
        try:
            algorithm = Algorithm(dedup)
        except ValueError:
            allowed = ", ".join([*(algorithm.value for algorithm in Algorithm), "true, false"])
            cause = f"got {quote(dedup)}; allowed are {allowed}"
            raise invalid_parameter("dedup", cause) from None
    labels = tuple(label for label in given if label)
    return ReplicaParams(_BOOLEANS.get(dedup, True), labels or None, algorithm, partial)


def report_params(params: Params, *, now_ms: int) -> SeriesParams:
    """The selection of a report about replicas: an hour up to now by default; raises BadData."""
    selected = series_params(params)
    end_ms = optional_time_ms(params, "end", now_ms)
    start_ms = optional_time_ms(params, "start", end_ms - HOUR_MS)
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    return replace(selected, start_ms=start_ms, end_ms=end_ms)


def wanted_rejects(params: Params) -> Wanted:
    """Which refusals to report; raises BadData."""
    try:
        matcher_sets = parse_selectors(params.all("match[]"))
    except BadData as error:
        raise invalid_parameter("match[]", error) from None
    return Wanted(frozenset(params.all("reason")), matcher_sets, limit_of(params))


def _provenance(params: Params, replicas: ReplicaParams) -> bool:
    text = params.first("provenance")
    if text and text not in _BOOLEANS:
        raise invalid_parameter("provenance", f"cannot parse {quote(text)} to a boolean")
    wanted = _BOOLEANS.get(text, False)
    if wanted and not replicas.dedup:
        cause = "with dedup=false every series names its replica itself"
        raise invalid_parameter("provenance", cause)
    return wanted


def limit_of(params: Params) -> int:
    """How many series or texts are wanted at most, 0 for all; raises BadData."""
    text = params.first("limit")
    if not text:
        return 0
    try:
        limit = parse_integer(text)
    except ValueError as error:
        raise invalid_parameter("limit", error) from None
    if limit < 0:
        raise invalid_parameter("limit", "limit must be non-negative")
    return limit


def metadata_params(params: Params) -> MetadataParams:
    """What metadata is asked for; raises BadData."""
    limits = [limit_number(params, name) for name in ("limit", "limit_per_metric")]
    return MetadataParams(params.first("metric"), *limits)


def limit_number(params: Params, name: str) -> int:
    """A limit that is off where it is negative, as without it; raises BadData."""
    text = params.first(name)
    try:
        return parse_integer(text) if text else -1
    except ValueError:
        raise BadData(f"{name} must be a number") from None


def check_form(params: Params) -> None:
    """Raises BadData for parameters that were not encoded rightly; others are passed over."""
    if params.error:
        raise BadData(f"{FORM_ERROR}: {params.error}")


def boolean(text: str) -> bool | None:
    """A truth value as Go's strconv.ParseBool reads it; None if it is none."""
    return _BOOLEANS.get(text)


def selector_of(text: str) -> tuple[Matcher, ...]:
    """The matchers of one series selector, empty ones included; raises BadData."""
    try:
        return parse_selector(text)
    except ParseError as error:
        raise BadData(str(error)) from None


def parse_selectors(texts: Sequence[str]) -> tuple[tuple[Matcher, ...], ...]:
    """The matchers of series selectors; raises BadData."""
    matcher_sets = tuple(map(selector_of, texts))
    if any(all(map(passes_empty, matchers)) for matchers in matcher_sets):
        raise BadData(NO_MATCHER)
    return matcher_sets


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a series selector. Raises ParseError."""
    if len(text) > SELECTOR_CHARS_KEPT_MAX:
        return parse_metric_selector(text)
    return _parse_kept(text)


_parse_kept = lru_cache(SELECTORS_KEPT_MAX)(parse_metric_selector)


def _lookback_ms(params: Params) -> int | None:
    prefix = "error parsing lookback delta duration: "
    lookback_ms = _duration_ms(params, "lookback_delta", prefix)
    return lookback_ms if lookback_ms and lookback_ms > 0 else None


def _duration_ms(params: Params, name: str, prefix: str) -> int | None:
    text = params.first(name)
    if not text:
        return None
    try:
        duration_ns = parse_duration_ns(text)
    except ValueError as error:
        raise BadData(f"{prefix}{error}") from None
    # A part of a millisecond is not nothing, which would mean something else.
    return max(1, duration_ns // MS_NS) if duration_ns > 0 else duration_ns // MS_NS


def _required_time_ms(params: Params, name: str) -> int:
    try:
        return parse_time_ms(params.first(name))
    except ValueError as error:
        raise invalid_parameter(name, error) from None


def optional_time_ms(params: Params, name: str, default_ms: int) -> int:
    text = params.first(name)
    if not text:
        return default_ms
    try:
        return parse_time_ms(text)
    except ValueError as error:
        raise invalid_parameter(name, f"invalid time value for '{name}': {error}") from None
