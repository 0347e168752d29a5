"""The endpoint that lists what the server can do, in Prometheus' categories and by its names."""

from collections.abc import Mapping

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.promql.features import Features
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS
from api.promql.syntax.vocabulary import OPERATORS

API = (
    "label_values_match",
    "otlp_write_receiver",
    "query_stats",
    "query_warnings",
    "remote_write_receiver",
    "time_range_labels",
    "time_range_series",
    "exclude_alerts",
)
LANGUAGE = (
    "at_modifier",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "negative_offset",
    "offset",
    "on",
    "per_query_lookback_delta",
    "subqueries",
    "without",
)
# Operators that there are only with a feature, as functions are: by other names.
FILLING_OPERATORS = frozenset({"</", ">/"})


class FeatureHandlers:
    """The endpoint over the features that are switched on."""

    def __init__(self, features: Features) -> None:
        self._answer = encode_data(abilities(features))

    def features(self, call: Call) -> bytes:
        return self._answer


def abilities(features: Features) -> Mapping[str, Mapping[str, bool]]:
    """What can be used, by category and name, sorted."""
    experimental = features.experimental_functions
    named: dict[str, dict[str, bool]] = {
        "api": dict.fromkeys(API, True) | {"lifecycle": False},
        "otlp_receiver": {"delta_conversion": False, "native_delta_ingestion": False},
        "prometheus": {"agent_mode": False, "server_mode": True},
        "promql": dict.fromkeys(LANGUAGE, True) | switched(features),
        "promql_functions": {
            name: experimental or not function.experimental for name, function in FUNCTIONS.items()
        },
        "promql_operators": dict.fromkeys(OPERATORS - FILLING_OPERATORS, True)
        | {name: experimental or not one.experimental for name, one in AGGREGATORS.items()},
        "rules": dict.fromkeys(("keep_firing_for", "query_offset"), True),
        "tsdb": dict.fromkeys(("exemplar_storage", "native_histograms"), True),
    }
    return {category: dict(sorted(names.items())) for category, names in sorted(named.items())}


def switched(features: Features) -> dict[str, bool]:
    """The parts of the language that settings switch."""
    filling = dict.fromkeys(("fill", "fill_left", "fill_right"), features.binop_fill_modifiers)
    extended = dict.fromkeys(("anchored", "smoothed"), features.extended_range_selectors)
    return {
        "delayed_name_removal": features.delayed_name_removal,
        "duration_expr": features.duration_expr,
        "per_step_stats": features.per_step_stats,
        "type_and_unit_labels": features.type_and_unit_labels,
        **filling,
        **extended,
    }
