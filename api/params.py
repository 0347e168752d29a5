"""The parameters of a request: text in, typed values out.

A parameter may stand in the URL or in a posted form; the form comes first. Unknown parameters are
ignored, as clients send those of other systems along. Errors are BadData with Prometheus' texts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from api.errors import BadData, invalid_parameter
from api.promql.errors import ParseError
from api.promql.go_format import quote
from api.promql.syntax.nodes import VectorSelector
from api.promql.syntax.parser import parse
from api.times import MAX_TIME_MS, MIN_TIME_MS, MS_NS, parse_duration_ns, parse_time_ms
from storage.dedup.algorithm import Algorithm
from storage.labels.matchers import Matcher
from storage.options import HOUR_MS
from storage.refusals.ledger import Wanted
from storage.tenants.tenant import DEFAULT_TENANT, parse_tenant

POINTS_PER_SERIES_MAX = 11_000
TENANT_HEADERS = ("X-Scope-OrgID", "THANOS-TENANT")
NO_MATCHER = "must contain at least one non-empty matcher"

_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
_ESCAPE = re.compile(r"_([0-9a-fA-F]{0,6})_|[^_]+", re.ASCII)


class Params:
    """The raw values of a request's parameters, by name, in order."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    @classmethod
    def parse(cls, query: str, form: bytes = b"", *, fields_max: int = 1_000) -> "Params":
        """The parameters of a URL's query and of a urlencoded form.

        Bytes that are not UTF-8 are kept as surrogate escapes. Raises BadData.
        """
        text = "&".join(part for part in (form.decode("ascii", "surrogateescape"), query) if part)
        if text.count("&") >= fields_max:
            raise BadData(f"too many parameters; api.max-form-fields allows {fields_max}")
        values: dict[str, list[str]] = {}
        for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
            values.setdefault(name, []).append(value)
        return cls(values)

    def first(self, name: str) -> str:
        """The first value; "" if there is none, which is never told apart from an empty one."""
        return self._values.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])


@dataclass(frozen=True, slots=True)
class ReplicaParams:
    """How replicas are shown. labels, algorithm: those given by the request, or None."""

    dedup: bool
    labels: tuple[str, ...] | None
    algorithm: Algorithm | None = None


@dataclass(frozen=True, slots=True)
class QueryParams:
    """What instant and range queries share. limit 0: none; None: the engine's own setting."""

    text: str
    limit: int
    timeout_ms: int | None
    lookback_ms: int | None
    stats: bool
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
    for header in TENANT_HEADERS:
        text = headers.get(header)
        if text is None:
            continue
        tenants = sorted({parse_tenant(part) for part in text.split("|")})
        if len(tenants) > tenants_max:
            raise BadData(
                f"{header} names {len(tenants)} tenants; api.max-federated-tenants allows "
                f"{tenants_max}"
            )
        return tuple(tenants)
    return (DEFAULT_TENANT,)


def query_params(params: Params) -> QueryParams:
    """The common parameters; raises BadData."""
    replicas = replica_params(params)
    return QueryParams(
        text=params.first("query"),
        limit=limit_of(params),
        timeout_ms=_duration_ms(params, "timeout", 'invalid parameter "timeout": '),
        lookback_ms=_lookback_ms(params),
        stats=params.first("stats") != "",
        replicas=replicas,
        provenance=_provenance(params, replicas),
    )


def instant_time_ms(params: Params, *, now_ms: int) -> int:
    """When an instant query is evaluated; raises BadData."""
    return _optional_time_ms(params, "time", now_ms)


def range_params(params: Params) -> RangeParams:
    """The evaluation times of a range query; raises BadData."""
    start_ms = _required_time_ms(params, "start")
    end_ms = _required_time_ms(params, "end")
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    try:
        step_ns = parse_duration_ns(params.first("step"))
    except ValueError as error:
        raise invalid_parameter("step", error) from None
    if step_ns < MS_NS:  # the resolution of time; a shorter step would be none
        raise invalid_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. "
            "Try a positive integer",
        )
    if (end_ms - start_ms) * MS_NS // step_ns > POINTS_PER_SERIES_MAX:
        raise BadData(
            f"exceeded maximum resolution of {POINTS_PER_SERIES_MAX:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return RangeParams(start_ms, end_ms, step_ns // MS_NS)


def series_params(params: Params, *, required: bool = False) -> SeriesParams:
    """The selection of a label or series endpoint; raises BadData.

    required: there has to be a selector, as for series.
    """
    limit = limit_of(params)
    texts = params.all("match[]")
    if required and not texts:
        raise BadData("no match[] parameter provided")
    start_ms = _optional_time_ms(params, "start", MIN_TIME_MS)
    end_ms = _optional_time_ms(params, "end", MAX_TIME_MS)
    try:
        matcher_sets = tuple(parse_selector(text) for text in texts)
    except BadData as error:
        raise invalid_parameter("match[]", error) if required else error from None
    return SeriesParams(matcher_sets, start_ms, end_ms, limit, replica_params(params))


def exemplar_params(params: Params) -> ExemplarParams:
    """What exemplars are asked for; raises BadData."""
    start_ms = _optional_time_ms(params, "start", MIN_TIME_MS)
    end_ms = _optional_time_ms(params, "end", MAX_TIME_MS)
    if end_ms < start_ms:
        raise BadData("end timestamp is before start timestamp")
    return ExemplarParams(params.first("query"), start_ms, end_ms, replica_params(params))


def replica_params(params: Params) -> ReplicaParams:
    """Thanos' parameters, where `dedup` may also name an algorithm; raises BadData."""
    dedup = params.first("dedup")
    algorithm = None
    if dedup and dedup not in _BOOLEANS:
        try:
            algorithm = Algorithm(dedup)
        except ValueError:
            allowed = ", ".join([*(algorithm.value for algorithm in Algorithm), "true, false"])
            cause = f"got {quote(dedup)}; allowed are {allowed}"
            raise invalid_parameter("dedup", cause) from None
    labels = tuple(label for label in params.all("replicaLabels[]") if label)
    return ReplicaParams(_BOOLEANS.get(dedup, True), labels or None, algorithm)


def report_params(params: Params, *, now_ms: int) -> SeriesParams:
    """The selection of a report about replicas: an hour up to now by default; raises BadData."""
    selected = series_params(params)
    end_ms = _optional_time_ms(params, "end", now_ms)
    start_ms = _optional_time_ms(params, "start", end_ms - HOUR_MS)
    if end_ms < start_ms:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    return replace(selected, start_ms=start_ms, end_ms=end_ms)


def wanted_rejects(params: Params) -> Wanted:
    """Which refusals to tell of; raises BadData."""
    matcher_sets = tuple(parse_selector(text) for text in params.all("match[]"))
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
    if not _is_integer(text):
        cause = f"strconv.Atoi: parsing {quote(text)}: invalid syntax"
        raise invalid_parameter("limit", cause)
    if int(text) < 0:
        raise invalid_parameter("limit", "limit must be non-negative")
    return int(text)


def metadata_params(params: Params) -> MetadataParams:
    """What metadata is asked for; raises BadData."""
    limits = []
    for name in ("limit", "limit_per_metric"):
        text = params.first(name)
        if text and not _is_integer(text):
            raise BadData(f"{name} must be a number")
        limits.append(int(text) if text else -1)
    return MetadataParams(params.first("metric"), *limits)


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]{1,18}", text) is not None


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """The matchers of a series selector; raises BadData."""
    try:
        node = parse(text)
    except ParseError as error:
        if error.message == f"vector selector {NO_MATCHER}":
            raise BadData(f"match[] {NO_MATCHER}") from None
        raise BadData(str(error)) from None
    if not isinstance(node, VectorSelector) or not _is_plain(node):
        raise BadData(f"{quote(text)} is no series selector")
    return node.matchers


def _is_plain(node: VectorSelector) -> bool:
    shift = node.shift
    moved = shift.offset_ms or shift.offset_expr or shift.at_ms is not None or shift.at_edge
    return not (moved or node.anchored or node.smoothed)


def unescape_label_name(text: str) -> str:
    """The label name that a path segment stands for.

    After the prefix `U__`, a doubled underscore stands for one, and `_2e_` for the character of
    that hexadecimal number; what is not escaped so is taken as it is. Raises BadData.
    """
    name = _unescape(text[3:]) if text.startswith("U__") else text
    name = text if name is None else name
    if not name or any("\ud800" <= c <= "\udfff" for c in name):
        raise BadData(f"invalid label name: {quote(name)}")
    return name


def _unescape(text: str) -> str | None:
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = _ESCAPE.match(text, position)
        if match is None:
            return None
        position = match.end()
        code = match[1]
        if code is None:
            parts.append(match[0])
        elif code == "":
            parts.append("_")
        elif _is_character(int(code, 16)):
            parts.append(chr(int(code, 16)))
        else:
            return None
    return "".join(parts)


def _is_character(code: int) -> bool:
    return code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF


def _lookback_ms(params: Params) -> int | None:
    prefix = "error parsing lookback delta duration: "
    lookback_ms = _duration_ms(params, "lookback_delta", prefix)
    return lookback_ms if lookback_ms and lookback_ms > 0 else None


def _duration_ms(params: Params, name: str, prefix: str) -> int | None:
    text = params.first(name)
    if not text:
        return None
    try:
        return parse_duration_ns(text) // MS_NS
    except ValueError as error:
        raise BadData(f"{prefix}{error}") from None


def _required_time_ms(params: Params, name: str) -> int:
    try:
        return parse_time_ms(params.first(name))
    except ValueError as error:
        raise invalid_parameter(name, error) from None


def _optional_time_ms(params: Params, name: str, default_ms: int) -> int:
    text = params.first(name)
    if not text:
        return default_ms
    try:
        return parse_time_ms(text)
    except ValueError as error:
        raise invalid_parameter(name, f"invalid time value for '{name}': {error}") from None
