"""What selectors match, as far as the limits of a tenant allow."""

from collections.abc import Sequence

from storage.errors import LimitExceeded
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.series.index import TenantIndex
from storage.series.matches import Match
from storage.tenants.rules import TenantRules


def match_within(
    index: TenantIndex, matchers: Sequence[Matcher], options: StorageOptions, rules: TenantRules
) -> Match:
    """The series that pass all matchers. Raises LimitExceeded if they are too many."""
    match = index.match(matchers)
    allowed, setting = options.select_series_max, "storage.select.max-series"
    if 0 < rules.fetched_series_max < allowed:
        allowed = rules.fetched_series_max
        setting = "max_fetched_series_per_query in limits.file"
    if len(match.refs) > allowed:
        text = ", ".join(map(str, matchers))
        raise LimitExceeded(
            f"the selector {{{text}}} matches {len(match.refs)} series, at most {allowed} are "
            f"allowed ({setting})"
        )
    return match
