"""The switches that turn parts of the language on or off, under Prometheus' names.

A feature that is off is a parse error in the query that uses it. Three of the switches change
results instead of syntax: delayed name removal, start timestamps, and the type and unit labels. One
is about the statistics that may be asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Features:
    """What one engine allows. Hashable: a part of the key of cached parses."""

    experimental_functions: bool = False
    duration_expr: bool = True
    extended_range_selectors: bool = False
    binop_fill_modifiers: bool = False
    delayed_name_removal: bool = False
    use_start_timestamps: bool = False
    type_and_unit_labels: bool = False
    per_step_stats: bool = False


FEATURE_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "promql-experimental-functions": "experimental_functions",
        "promql-duration-expr": "duration_expr",
        "promql-extended-range-selectors": "extended_range_selectors",
        "promql-binop-fill-modifiers": "binop_fill_modifiers",
        "promql-delayed-name-removal": "delayed_name_removal",
        "use-start-timestamps": "use_start_timestamps",
        "type-and-unit-labels": "type_and_unit_labels",
        "promql-per-step-stats": "per_step_stats",
    }
)

DEFAULT_FEATURES = Features()
ALL_FEATURES = Features(**{field.name: True for field in fields(Features)})


def parse_features(names: Iterable[str]) -> Features:
    """The features that are on when `names` are enabled; "all" enables every one.

    Raises ValueError for a name that is not in FEATURE_FLAGS.
    """
    enabled: set[str] = set()
    for name in names:
        if name not in FEATURE_FLAGS and name != "all":
            allowed = ", ".join((*FEATURE_FLAGS, "all"))
            raise ValueError(f"unknown feature {name!r}; allowed are {allowed}")
        enabled.add(name)
    if "all" in enabled:
        return ALL_FEATURES
    return Features(**{FEATURE_FLAGS[name]: True for name in enabled})
