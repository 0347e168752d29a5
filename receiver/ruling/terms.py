"""What holds for the rules of a tenant: the settings, and over them the limits of the tenant."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from receiver.limits.limits import TenantLimits
from receiver.settings.config import ConfigError
from rules.ruler.options import RulesOptions, label_pairs
from rules.ruler.terms import Terms

TermsOf = Callable[[str], Terms]


def terms_source(
    options: RulesOptions, limits_of: Callable[[str], TenantLimits], *, url: str
) -> TermsOf:
    """The terms of each tenant, as they are when they are asked for. url: where people reach the
    server, if no other setting says so. Raises ConfigError."""
    try:
        labels = label_pairs(options.external_labels)
    except ValueError as error:
        raise ConfigError(str(error)) from error

    def terms_of(tenant: str) -> Terms:
        limits = limits_of(tenant)
        offset_ms = limits.ruler_query_offset_ms
        return Terms(
            interval_ms=options.interval_ms,
            interval_min_ms=limits.ruler_min_rule_evaluation_interval_ms,
            query_offset_ms=options.query_offset_ms if offset_ms is None else offset_ms,
            resend_ms=options.resend_ms,
            grace_ms=options.grace_ms,
            tolerance_ms=options.tolerance_ms,
            catch_up_ms=options.catch_up_ms,
            settle_ms=options.catch_up_delay_ms,
            timeout_ms=limits.ruler_query_timeout_ms,
            results_max=limits.ruler_max_rule_evaluation_results,
            threads=limits.ruler_max_independent_rule_evaluation_concurrency_per_tenant,
            groups_max=limits.ruler_max_rule_groups_per_tenant,
            rules_max=limits.ruler_max_rules_per_rule_group,
            records=limits.ruler_recording_rules_evaluation_enabled,
            alerts=limits.ruler_alerting_rules_evaluation_enabled,
            federates=options.federates,
            external_labels=limits.ruler_external_labels or labels,
            external_url=limits.ruler_external_url or options.external_url or url,
        )

    return terms_of


def external_labels(terms_of: TermsOf) -> Callable[[str], Mapping[str, str]]:
    """The labels that alerts of each tenant are sent with."""
    return lambda tenant: terms_of(tenant).external_labels
