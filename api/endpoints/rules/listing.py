"""The endpoints about what rules do: groups and their rules, alerts, Alertmanagers.

What a request names several tenants for is there of each of them, groups with their tenant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from api.answers.encoding import Notes, encode_data
from api.endpoints.handler import Call, Job, Slot
from api.errors import invalid_parameter
from api.params import boolean, check_form, parse_selectors
from api.promql.go_format import format_e, quote
from api.sources.others import NO_OTHERS, Others
from api.sources.rules import AlertFacts, GroupFacts, RuleBook, RuleFacts
from api.times import parse_integer, rfc3339_of_ns
from storage.labels.matchers import Matcher, text_test

KINDS = {"": (True, False), "alert": (True,), "record": (False,)}
GROUP_LIMIT_MAX = (1 << 31) - 1
STRANGE_TOKEN = "invalid group_next_token '{}'. were rule groups changed?"


class RuleHandlers:
    """The endpoints over a rule book, and what other stores evaluate."""

    def __init__(self, book: RuleBook, others: Others = NO_OTHERS) -> None:
        self._book = book
        self._others = others

    def rules(self, call: Call) -> Job:
        """The groups of rules, with what their rules gave at their latest evaluation."""
        wanted = wanted_of(call)

        def run(turn: Slot) -> Iterator[bytes]:
            listed = self._listed(call.tenants)
            yield encode_data(page_of_groups(listed, wanted), listed.notes)

        return Job(run)

    def alerts(self, call: Call) -> Job:
        """All alerts that are pending or firing."""

        def run(turn: Slot) -> Iterator[bytes]:
            listed = self._listed(call.tenants)
            rules = [rule for _, group in listed.groups for rule in group.rules]
            alerts = [alert_data(alert) for rule in rules for alert in rule.alerts]
            yield encode_data({"alerts": alerts}, listed.notes)

        return Job(run)

    def alertmanagers(self, call: Call) -> bytes:
        """The Alertmanagers that alerts are sent to, and those that are left out."""
        found = [self._book.alertmanagers(tenant) for tenant in call.tenants]
        active, dropped = (
            [{"url": url} for url in dict.fromkeys(url for each in some for url in each)]
            for some in zip(*found, strict=True)
        )
        return encode_data({"activeAlertmanagers": active, "droppedAlertmanagers": dropped})

    def _listed(self, tenants: Sequence[str]) -> Listed:
        """All groups with their tenants, in the order of answers."""
        found: list[tuple[str, GroupFacts]] = []
        losses: dict[str, None] = {}
        for tenant in tenants:
            others = self._others.rules(tenant)
            groups = [*self._book.groups(tenant), *others.groups]
            groups.sort(key=lambda group: (group.file, group.name))
            found += [(tenant if len(tenants) > 1 else "", group) for group in groups]
            losses |= dict.fromkeys(others.losses)
        return Listed(found, Notes(warnings=tuple(losses)))


@dataclass(frozen=True, slots=True)
class Listed:
    """Groups with their tenants, "" where there is but one; notes: what may be missing."""

    groups: Sequence[tuple[str, GroupFacts]]
    notes: Notes


def page_of_groups(listed: Listed, wanted: Wanted) -> dict[str, Any]:
    """Raises BadData if there is no group where the page begins."""
    page: list[dict[str, Any]] = []
    begins = not wanted.token
    for tenant, group in listed.groups:
        begins = begins or wanted.token == token_of(tenant, group)
        if not (begins and wanted.has_group(group)):
            continue
        rules = [rule for rule in group.rules if wanted.has_rule(rule)]
        if not rules:
            continue
        if 0 < wanted.limit == len(page):
            return {"groups": page, "groupNextToken": token_of(tenant, group)}
        named = {"tenant": tenant} if tenant else {}
        page.append(named | group_data(group, rules, with_alerts=wanted.alerts))
    if not begins:
        raise invalid_parameter("group_next_token", STRANGE_TOKEN.format(wanted.token))
    return {"groups": page}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rules a request is about. kinds: whether they alert; limit: groups, 0 for all; token:
    of the group to begin with."""

    kinds: tuple[bool, ...]
    names: frozenset[str]
    groups: frozenset[str]
    files: frozenset[str]
    matcher_sets: tuple[tuple[Matcher, ...], ...]
    alerts: bool
    limit: int
    token: str

    def has_group(self, group: GroupFacts) -> bool:
        is_named = not self.groups or group.name in self.groups
        return is_named and (not self.files or group.file in self.files)

    def has_rule(self, rule: RuleFacts) -> bool:
        if rule.is_alerting not in self.kinds or (self.names and rule.name not in self.names):
            return False
        sets = self.matcher_sets
        return not sets or any(all(matches(rule, each) for each in matchers) for matchers in sets)


def matches(rule: RuleFacts, matcher: Matcher) -> bool:
    """Templates in labels are what is written."""
    return text_test(matcher)(rule.labels.get(matcher.name, ""))


def wanted_of(call: Call) -> Wanted:
    """Raises BadData."""
    params = call.params
    check_form(params)
    matcher_sets = parse_selectors(params.all("match[]"))
    kind = params.first("type").lower()
    if kind not in KINDS:
        raise invalid_parameter("type", f"not supported value {quote(kind)}")
    excluding = params.first("exclude_alerts").lower()
    if excluding and boolean(excluding) is None:
        cause = f"strconv.ParseBool: parsing {quote(excluding)}: invalid syntax"
        raise invalid_parameter("exclude_alerts", f"error converting exclude_alerts: {cause}")
    limit, token = page_of(call)
    return Wanted(
        KINDS[kind],
        frozenset(params.all("rule_name[]") or params.all("rule_name")),
        frozenset(params.all("rule_group[]") or params.all("rule_group")),
        frozenset(params.all("file[]") or params.all("file")),
        matcher_sets,
        not boolean(excluding),
        limit,
        token,
    )


def page_of(call: Call) -> tuple[int, str]:
    """How many groups are wanted, and from which one on. Raises BadData."""
    limit, token = call.params.first("group_limit"), call.params.first("group_next_token")
    if token and not limit:
        cause = "group_limit needs to be present in order to paginate over the groups"
        raise invalid_parameter("group_next_token", cause)
    count = group_limit(limit) if limit else 0
    if limit and count <= 0:
        raise invalid_parameter("group_limit", "group_limit needs to be greater than 0")
    return count, token


def group_limit(text: str) -> int:
    """Raises BadData with the text of Go's reader of 32 bits."""
    try:
        number = parse_integer(text)
    except ValueError as error:
        cause = str(error).replace("strconv.Atoi", "strconv.ParseInt")
    else:
        if abs(number) <= GROUP_LIMIT_MAX:
            return number
        cause = f"strconv.ParseInt: parsing {quote(text)}: value out of range"
    raise invalid_parameter("group_limit", f"group_limit needs to be a valid number: {cause}")


def token_of(tenant: str, group: GroupFacts) -> str:
    """What a page begins with; tenant: where there are several."""
    key = f"{tenant};{group.file};{group.name}" if tenant else f"{group.file};{group.name}"
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def group_data(
    group: GroupFacts, rules: Sequence[RuleFacts], *, with_alerts: bool
) -> dict[str, Any]:
    """A group with some of its rules, as JSON values."""
    data: dict[str, Any] = {
        "name": group.name,
        "file": group.file,
        "rules": [rule_data(rule, with_alerts=with_alerts) for rule in rules],
        "interval": group.interval_seconds,
        "limit": group.limit,
        "evaluationTime": group.evaluation_seconds,
        "lastEvaluation": time_text(group.last_evaluation),
        "queryOffset": group.query_offset_seconds,
        "missedEvaluations": group.missed,
    }
    if group.source_tenants:
        data["sourceTenants"] = list(group.source_tenants)
    return data


def rule_data(rule: RuleFacts, *, with_alerts: bool) -> dict[str, Any]:
    """A rule as JSON values, in Prometheus' order; what its query read comes last."""
    evaluated = {
        "health": rule.health,
        **({"lastError": rule.last_error} if rule.last_error else {}),
        "evaluationTime": rule.evaluation_seconds,
        "lastEvaluation": time_text(rule.last_evaluation),
    }
    read = {"seriesRead": rule.series, "samplesRead": rule.samples}
    labels = dict(rule.labels)
    if not rule.is_alerting:
        named = {"name": rule.name, "query": rule.query, "labels": labels}
        return {**named, **evaluated, "type": "recording", **read}
    return {
        "state": rule.state,
        "name": rule.name,
        "query": rule.query,
        "duration": rule.for_seconds,
        "keepFiringFor": rule.keep_firing_seconds,
        "labels": labels,
        "annotations": dict(rule.annotations),
        "alerts": [alert_data(alert) for alert in rule.alerts] if with_alerts else None,
        **evaluated,
        "type": "alerting",
        **read,
    }


def alert_data(alert: AlertFacts) -> dict[str, Any]:
    """An alert as JSON values."""
    data: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": rfc3339_of_ns(alert.active_ms * 1_000_000),
    }
    if alert.keep_firing_ms is not None:
        data["keepFiringSince"] = rfc3339_of_ns(alert.keep_firing_ms * 1_000_000)
    return data | {"value": format_e(alert.value)}


def time_text(seconds: float | None) -> str:
    """Go's zero time where something never was. Floats of seconds have microseconds."""
    return rfc3339_of_ns(None if seconds is None else round(seconds * 1_000_000) * 1_000)
