"""What the rules of one tenant may do, by the names of Mimir and Cortex."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage.options import setting


@dataclass(frozen=True)
class RuleLimits:
    """0 stands for no limit of its own, but where it is said."""

    ruler_max_rule_groups_per_tenant: int = setting(
        "ruler_max_rule_groups_per_tenant", "integer", 0, "Groups of rules."
    )
    ruler_max_rules_per_rule_group: int = setting(
        "ruler_max_rules_per_rule_group", "integer", 0, "Rules of a group."
    )
    ruler_min_rule_evaluation_interval_ms: int = setting(
        "ruler_min_rule_evaluation_interval",
        "duration",
        0,
        "The shortest interval that a group may state.",
    )
    ruler_max_rule_evaluation_results: int = setting(
        "ruler_max_rule_evaluation_results",
        "integer",
        0,
        "Series or alerts that a rule may give; a lower `limit` of its group counts.",
    )
    ruler_query_timeout_ms: int = setting(
        "ruler_query_timeout", "duration", 0, "How long the query of a rule may take."
    )
    ruler_query_offset_ms: int | None = setting(
        "ruler_query_offset",
        "duration",
        None,
        "How far in the past groups are evaluated that state no query_offset. By default "
        "rules.query-offset counts.",
    )
    ruler_max_independent_rule_evaluation_concurrency_per_tenant: int = setting(
        "ruler_max_independent_rule_evaluation_concurrency_per_tenant",
        "integer",
        4,
        "Rules that are evaluated at a time; 0 is one.",
    )
    ruler_recording_rules_evaluation_enabled: bool = setting(
        "ruler_recording_rules_evaluation_enabled",
        "flag",
        True,
        "Whether recording rules are evaluated.",
    )
    ruler_alerting_rules_evaluation_enabled: bool = setting(
        "ruler_alerting_rules_evaluation_enabled",
        "flag",
        True,
        "Whether alerting rules are evaluated.",
    )
    ruler_external_labels: Mapping[str, str] = setting(
        "ruler_external_labels",
        "labels",
        {},
        "Labels that alerts are sent with, in the place of rules.external-labels.",
    )
    ruler_external_url: str = setting(
        "ruler_external_url",
        "text",
        "",
        "URL for links in alerts, in the place of rules.external-url.",
    )
    ruler_protected_namespaces: tuple[str, ...] = setting(
        "ruler_protected_namespaces",
        "list",
        (),
        "Namespaces of rules that only requests which name them in a header may change.",
    )
