"""The configuration of rules as the API offers it: what is refused, limited, and not offered."""

from dataclasses import replace

import pytest

from api.errors import BadData, Conflict, Forbidden, NotFound
from receiver.limits.limits import TenantLimits
from receiver.ruling.configuration import configuration_limits, offered, translated
from receiver.settings.config import build
from rules.configuring.configuration import ConfigurationLimits, ConfiguredRules
from rules.configuring.errors import Invalid, Missing, Outdated, Protected, RefusedConfiguration
from rules.configuring.options import RuleApiOptions
from storage.catalog.configured_rules import ConfiguredRulesTable


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(Invalid, BadData), (Protected, Forbidden), (Missing, NotFound), (Outdated, Conflict)],
)
def test_each_refusal_has_an_error_of_the_api(
    refusal: type[RefusedConfiguration], error: type[Exception]
) -> None:
    with pytest.raises(error, match="the cause"), translated():
        raise refusal("the cause")


def test_limits_are_those_of_the_tenant() -> None:
    limits = replace(
        TenantLimits(),
        ruler_max_rule_groups_per_tenant=3,
        ruler_max_rules_per_rule_group=5,
        ruler_min_rule_evaluation_interval_ms=7,
        ruler_protected_namespaces=("a", "b"),
    )
    expected = ConfigurationLimits(3, 5, 7, frozenset({"a", "b"}))
    assert configuration_limits(limits) == expected


@pytest.mark.parametrize(
    ("values", "is_offered"),
    [
        ({}, True),
        ({"rules.api.enabled": "false"}, False),
        ({"role": "query", "objstore.config-file": "objstore.yml"}, False),
    ],
)
def test_where_rules_can_be_configured(values: dict[str, str], is_offered: bool) -> None:
    def no_table() -> ConfiguredRulesTable:
        raise AssertionError("nothing is asked of the catalog")

    rules = ConfiguredRules(no_table, RuleApiOptions(), now_ms=lambda: 0)
    found = offered(build(values), rules, lambda: "someone")
    assert (found.configuration is not None) == is_offered
    assert bool(found.abilities) == is_offered
