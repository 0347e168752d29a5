"""Settings of rules, and the limits of tenants over them."""

from __future__ import annotations

import pytest

from receiver.limits.limits import parse_limits
from receiver.ruling.terms import external_labels, terms_source
from rules.ruler.options import RulesOptions
from rules.ruler.terms import Terms

OPTIONS = RulesOptions(
    interval_ms=1, query_offset_ms=2, resend_ms=3, grace_ms=4, tolerance_ms=5, catch_up_ms=6,
    catch_up_delay_ms=7, external_labels=("a=b",), external_url="http://e", federates=True,
)  # fmt: skip
LIMITS = parse_limits(
    {
        "overrides": {
            "own": {
                "ruler_max_rule_groups_per_tenant": 1,
                "ruler_max_rules_per_rule_group": 2,
                "ruler_min_rule_evaluation_interval": "3ms",
                "ruler_max_rule_evaluation_results": 4,
                "ruler_query_timeout": "5ms",
                "ruler_query_offset": 0,
                "ruler_max_independent_rule_evaluation_concurrency_per_tenant": 7,
                "ruler_recording_rules_evaluation_enabled": False,
                "ruler_alerting_rules_evaluation_enabled": False,
                "ruler_external_labels": {"c": "d"},
                "ruler_external_url": "http://own",
            }
        }
    }
)
DEFAULT = Terms(
    interval_ms=1, query_offset_ms=2, resend_ms=3, grace_ms=4, tolerance_ms=5, catch_up_ms=6,
    settle_ms=7, federates=True, external_labels={"a": "b"}, external_url="http://e",
)  # fmt: skip
OWN = Terms(
    interval_ms=1, query_offset_ms=0, resend_ms=3, grace_ms=4, tolerance_ms=5, catch_up_ms=6,
    settle_ms=7, federates=True, groups_max=1, rules_max=2, interval_min_ms=3, results_max=4,
    timeout_ms=5, threads=7, records=False, alerts=False, external_labels={"c": "d"},
    external_url="http://own",
)  # fmt: skip


def test_terms_of_tenants() -> None:
    terms_of = terms_source(OPTIONS, LIMITS.of, url="http://web")
    assert terms_of("any") == DEFAULT
    assert terms_of("own") == OWN
    assert external_labels(terms_of)("own") == {"c": "d"}


def test_links_lead_to_the_server_if_no_setting_says_more() -> None:
    assert terms_source(RulesOptions(), LIMITS.of, url="http://w")("t").external_url == "http://w"


@pytest.mark.parametrize(
    "labels", [[], {"a": 1}, {"": "b"}, {"a": ""}, {str(i): "x" for i in range(101)}]
)
def test_labels_that_are_none(labels: object) -> None:
    with pytest.raises(ValueError, match="ruler_external_labels: got .*; allowed is a map"):
        parse_limits({"limits": {"ruler_external_labels": labels}})
