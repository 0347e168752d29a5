"""What the data of each endpoint's answer are, by its path: for the description of the API.

Schemas say the kind of what is there and what is always there, and leave the rest to docs/http.md.
An endpoint that is not named may have any data.
"""

from collections.abc import Mapping
from typing import Any

from api.promql.syntax.nodes import ValueType

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def lists(*names: str) -> Schema:
    """An object with lists of these names."""
    properties = {name: {"type": "array"} for name in names}
    return {"type": "object", "required": list(names), "properties": properties}


KINDS = [kind.value for kind in ValueType if kind is not ValueType.NONE]
RESULT: Schema = {
    "type": "object",
    "required": ["resultType", "result"],
    "properties": {
        "resultType": {"enum": KINDS},
        "result": {"type": "array"},
        "stats": {"type": "object", "required": ["timings", "samples"]},
    },
}
EXEMPLARS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["seriesLabels", "exemplars"],
        "properties": {
            "seriesLabels": LABELS,
            "exemplars": {
                "type": "array",
                "items": {"type": "object", "required": ["labels", "value", "timestamp"]},
            },
        },
    },
}
EXPLAINED: Schema = {
    "type": "object",
    "required": ["name", "type", "valueType", "start", "end", "seconds", "children", "stats"],
}
# Grafana reads the first of each.
DESCRIPTIONS: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object", "required": ["type", "help", "unit"]},
}
TABLES = (
    *("seriesCountByMetricName", "seriesCountByLabelValuePair"),
    "labelValueCountByLabelName",
)

GROUP: Schema = {
    "type": "object",
    "required": [
        *("name", "file", "rules", "interval", "limit", "evaluationTime", "lastEvaluation"),
    ],
    "properties": {"rules": {"type": "array", "items": {"type": "object", "required": ["type"]}}},
}

DATA: Mapping[str, Schema] = {
    "query": RESULT,
    "query_range": RESULT,
    "query_explain": EXPLAINED,
    "query_range_explain": EXPLAINED,
    "query_exemplars": EXEMPLARS,
    "series": {"type": "array", "items": LABELS},
    "labels": TEXTS,
    "label/{name}/values": TEXTS,
    "metadata": {"type": "object", "additionalProperties": DESCRIPTIONS},
    "format_query": TEXT,
    "parse_query": {"type": "object", "required": ["type"]},
    "features": {"type": "object"},
    "status/buildinfo": {
        "type": "object",
        "required": ["version"],
        "properties": {"version": TEXT, "features": LABELS},
    },
    "status/flags": LABELS,
    "status/config": {"type": "object", "required": ["yaml"]},
    "status/self_metrics": {
        "type": "array",
        "items": {"type": "object", "required": ["name", "help", "type", "metric"]},
    },
    "status/active_queries": lists("queries"),
    "status/slow_queries": lists("queries"),
    "status/deletions": lists("deletions"),
    "status/segments": lists("shards"),
    "status/tenants": lists("tenants"),
    "status/tsdb/blocks": lists("blocks"),
    "status/tsdb": lists(*TABLES),
    "status/cardinality": lists(*TABLES),
    "rules/replay": lists("groups"),
    "targets": lists("activeTargets", "droppedTargets"),
    "rules": {
        "type": "object",
        "required": ["groups"],
        "properties": {"groups": {"type": "array", "items": GROUP}, "groupNextToken": TEXT},
    },
    "alerts": lists("alerts"),
    "rules/changes": lists("changes"),
    "rules/undo": lists("changes"),
    "alertmanagers": lists("activeAlertmanagers", "droppedAlertmanagers"),
    "scrape_pools": lists("scrapePools"),
}
