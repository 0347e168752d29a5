"""The endpoint that reports a tenant's limits: GET /api/v1/user_limits, in Mimir's form."""

import json
from collections.abc import Callable, Sequence
from dataclasses import fields

import msgspec
from aiohttp import web

from receiver.limits.limits import RESOLUTIONS, TenantLimits
from receiver.settings.config import Config
from receiver.settings.kinds import render
from receiver.tenant_header import PREFIXES, tenant_of
from storage.errors import TenantError
from storage.labels.matchers import Matcher
from storage.shard.periods import PeriodRule, period_of


class LimitsHandler:
    """Answers with what is in force. limits_of: the limits of a tenant, at any time; config: what
    counts where the tenant has no limit of its own."""

    def __init__(self, limits_of: Callable[[str], TenantLimits], config: Config) -> None:
        self._limits_of = limits_of
        self._config = config

    def add_routes(self, app: web.Application) -> None:
        for prefix in PREFIXES:
            app.router.add_get(f"{prefix}/api/v1/user_limits", self.get)

    async def get(self, request: web.Request) -> web.Response:
        """The limits of the request's tenant, as plain JSON without an envelope."""
        try:
            limits = self._limits_of(tenant_of(request.headers))
        except TenantError as error:
            return web.Response(status=400, text=f"{error}\n")
        body = msgspec.json.encode(effective(limits, self._config))
        return web.Response(body=body, content_type="application/json")


def effective(limits: TenantLimits, config: Config) -> dict[str, object]:
    """The limits by Mimir's names. Where there is a limit for all, the lower one counts; rates
    and counts that are not limited are 0; durations are texts."""
    options = config.storage
    told: dict[str, object] = {}
    for limit in fields(limits):
        value, kind = getattr(limits, limit.name), limit.metadata["kind"]
        if kind == "periods":
            value = [period_rule_data(rule) for rule in value]
        told[limit.metadata["key"]] = render(kind, value) if kind == "duration" and value else value
    grace_ms = limits.creation_grace_period_ms
    if grace_ms is None:
        grace_ms = options.creation_grace_period_ms
    window_ms = limits.out_of_order_time_window_ms or options.retention_ms
    if options.retention_ms:
        window_ms = min(window_ms, options.retention_ms)
    return told | {
        "ingestion_burst_size": int(limits.sample_burst) if limits.ingestion_rate else 0,
        "request_burst_size": int(limits.request_burst) if limits.request_rate else 0,
        "max_label_names_per_series": lower(
            limits.max_label_names_per_series, options.labels_per_series_max
        ),
        "max_label_name_length": lower(limits.max_label_name_length, options.label_bytes_max),
        "max_label_value_length": lower(limits.max_label_value_length, options.label_bytes_max),
        "max_fetched_series_per_query": lower(
            limits.max_fetched_series_per_query, options.select_series_max
        ),
        "out_of_order_time_window": render("duration", window_ms),
        "creation_grace_period": render("duration", grace_ms),
        "compactor_blocks_retention_period": render("duration", period_of(options, limits.periods)),
        "retention_5m": render("duration", period_of(options, limits.periods, RESOLUTIONS["5m"])),
        "retention_1h": render("duration", period_of(options, limits.periods, RESOLUTIONS["1h"])),
        **effective_of_queries(limits, config),
        **effective_of_rules(limits, config),
    }


def effective_of_rules(limits: TenantLimits, config: Config) -> dict[str, object]:
    """Those of the limits on rules that are in the place of settings."""
    offset_ms = limits.ruler_query_offset_ms
    if offset_ms is None:
        offset_ms = config.rules.query_offset_ms
    return {"ruler_query_offset": render("duration", offset_ms)}


def effective_of_queries(limits: TenantLimits, config: Config) -> dict[str, object]:
    """Those of the limits on queries that settings of the program bound, too."""
    query, api = config.query, config.api
    timeout_ms = lower(limits.query_timeout_ms, query.timeout_ms)
    return {
        "max_samples_per_query": lower(limits.max_samples_per_query, query.max_samples),
        "max_series_per_query": lower(limits.max_series_per_query, query.max_series),
        "max_steps_per_query": lower(limits.max_steps_per_query, query.max_steps),
        "query_timeout": render("duration", timeout_ms),
        "max_concurrent_queries": lower(
            limits.max_concurrent_queries, lower(api.tenant_concurrency_max, query.max_concurrency)
        ),
        "max_outstanding_requests_per_tenant": lower(
            limits.max_outstanding_requests_per_tenant,
            lower(api.tenant_waiting_max, api.waiting_max),
        ),
        "max_query_response_size": lower(limits.max_query_response_size, api.answer_bytes_max),
    }


def period_rule_data(rule: PeriodRule) -> dict[str, str]:
    """A rule as the limits file has it."""
    data = {"match": selector_text(rule.matchers), "period": render("duration", rule.period_ms)}
    names = {resolution_ms: name for name, resolution_ms in RESOLUTIONS.items()}
    if rule.resolution_ms is not None:
        data["resolution"] = names[rule.resolution_ms]
    return data


def selector_text(matchers: Sequence[Matcher]) -> str:
    return "{" + ", ".join(f"{m.name}{m.op}{json.dumps(m.value)}" for m in matchers) + "}"


def lower(own: int, of_all: int) -> int:
    """The lower of two limits, of which 0 is none."""
    return min(own, of_all) if own and of_all else own or of_all
