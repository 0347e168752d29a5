"""The parameters of each endpoint, by its path below the prefix: for the description of the API.

A name that ends in [] may be given several times. REQUIRED are those without which there is no
answer but an error.
"""

from collections.abc import Mapping

REPLICAS = ("dedup", "replicaLabels[]")
SERIES = ("match[]", "start", "end", "limit", *REPLICAS)
SOURCE = ("engine", "max_source_resolution", *REPLICAS)
QUERY = ("query", "timeout", "limit", "lookback_delta", "stats", "provenance", *SOURCE)
EXPLAIN = ("query", "timeout", "lookback_delta", *SOURCE)
SEARCH = ("match[]", "start", "end", "limit")

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "query": ("time", *QUERY),
    "query_range": ("start", "end", "step", *QUERY),
    "query_explain": ("time", *EXPLAIN),
    "query_range_explain": ("start", "end", "step", *EXPLAIN),
    "query_exemplars": ("query", "start", "end", *REPLICAS),
    "series": SERIES,
    "labels": SERIES,
    "label/{name}/values": SERIES,
    "metadata": ("metric", "limit", "limit_per_metric"),
    "format_query": ("query",),
    "parse_query": ("query",),
    "read": REPLICAS,
    "federate": ("match[]", *REPLICAS),
    "status/rejected": ("reason", "match[]", "limit"),
    "status/replicas": ("match[]", "start", "end", *REPLICAS),
    "status/active_queries": ("limit",),
    "status/slow_queries": ("limit",),
    "status/tsdb": ("limit",),
    "status/self_metrics": ("metric_name_pattern",),
    "status/cardinality": (
        *("match[]", "start", "end", "compare_start", "compare_end", "by", "limit"),
    ),
    "cardinality/label_names": ("selector", "limit"),
    "cardinality/label_values": ("label_names[]", "selector", "limit"),
    "admin/tsdb/delete_series": ("match[]", "start", "end"),
    "admin/tsdb/snapshot": ("skip_head",),
    "targets": ("state", "scrapePool"),
    "targets/metadata": ("match_target", "metric", "limit"),
    "targets/relabel_steps": ("scrapePool", "labels"),
    "scrape_pools/config": ("scrapePool",),
    "rules": (
        *("type", "rule_name[]", "rule_group[]", "file[]", "match[]", "exclude_alerts"),
        *("group_limit", "group_next_token"),
    ),
    "rules/changes": ("namespace", "group", "before", "limit"),
    "rules/undo": ("change", "force"),
    "rules/replay": (
        *("start", "end", "interval", "query_offset", "phase[]", "external_label[]"),
        *("external_url", "file", "write", "write_alerts", *REPLICAS),
    ),
    "search/metric_names": SEARCH,
    "search/label_names": SEARCH,
    "search/label_values": (*SEARCH, "label"),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "query": ("query",),
    "query_range": ("query", "start", "end", "step"),
    "query_explain": ("query",),
    "query_range_explain": ("query", "start", "end", "step"),
    "query_exemplars": ("query",),
    "format_query": ("query",),
    "parse_query": ("query",),
    "series": ("match[]",),
    "admin/tsdb/delete_series": ("match[]",),
    "cardinality/label_values": ("label_names[]",),
    "targets/relabel_steps": ("scrapePool", "labels"),
    "scrape_pools/config": ("scrapePool",),
    "rules/undo": ("change",),
}
# What is a number, and what else has a form of its own; the rest are plain texts.
INTEGERS = frozenset({"limit", "group_limit", "limit_per_metric", "before", "change"})
TIMES = frozenset({"time", "start", "end", "compare_start", "compare_end"})
DURATIONS = frozenset({"step", "timeout", "lookback_delta", "interval", "query_offset"})
