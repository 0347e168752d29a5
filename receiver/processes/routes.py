"""Which process answers a request of each route: one table, and every route is in it.

Invariant: the program does not start with a route that has no place here (`check_places`).
"""

from __future__ import annotations

from enum import Enum

from aiohttp import web

from receiver.access.rules import ROUTE_PREFIX, rule_name


class Answered(Enum):
    """By whoever accepted it; by the process that has its tenants; by process 0, of which there is
    one; by all of them together; or by the one that the id in its path is of. Writes are answered
    by whoever accepted them, and handed over to the process that has their tenant on the way."""

    HERE = "here"
    OWNER = "owner"
    FIRST = "first"
    TOGETHER = "together"
    OF_ID = "of id"


# By path, the prefix /prometheus aside; all others are answered by the owner of their tenants.
PLACES: dict[str, Answered] = {
    "/metrics": Answered.TOGETHER,
    "/-/ready": Answered.TOGETHER,
    "/api/v1/status/tenants": Answered.TOGETHER,
    "/api/v1/status/segments": Answered.TOGETHER,
    "/api/v1/status/tsdb/blocks": Answered.TOGETHER,
    "/api/v1/status/walreplay": Answered.TOGETHER,
    "/api/v1/status/cluster": Answered.TOGETHER,
    # What was refused is noted where it was accepted.
    "/api/v1/status/rejected": Answered.TOGETHER,
    # A query over tenants of several processes is computed where it was accepted.
    "/api/v1/status/active_queries": Answered.TOGETHER,
    "/api/v1/status/slow_queries": Answered.TOGETHER,
    "/api/v1/status/active_queries/{id}": Answered.OF_ID,
    # Of the whole directory; one that is being taken must not meet another.
    "/api/v1/admin/tsdb/snapshot": Answered.FIRST,
    "/debug/pprof/profile": Answered.FIRST,
    **dict.fromkeys(
        (
            "/api/v1/write", "/api/v1/push", "/api/v1/receive", "/api/v1/otlp/v1/metrics",
            "/otlp/v1/metrics", "/api/v1/otlp",
            "/", "/-/healthy", "/graph", "/query", "/ui", "/ui/", "/ui/{page}",
            "/alerts", "/rules", "/status", "/flags", "/config", "/tsdb-status",
            "/ui/assets/{file}", "/version", "/api/v1/status/buildinfo",
            "/api/v1/status/self_metrics",  # of that process, as its own page shows them
            "/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo",
            "/api/v1/format_query", "/api/v1/parse_query", "/api/v1/features", "/api/v1/stores",
            "/api/v1/openapi.json", "/api/v1/openapi.yaml", "/api/v1/user_limits",
            "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/targets/relabel_steps",
            "/api/v1/scrape_pools", "/api/v1/scrape_pools/config", "/api/v1/notifications",
            "/api/v1/notifications/live", "/api/v1/search/metric_names",
            "/api/v1/search/label_names", "/api/v1/search/label_values",
        ),
        Answered.HERE,
    ),
    **dict.fromkeys(
        (
            "/api/v1/query", "/api/v1/query_range",
            "/api/v1/query_explain", "/api/v1/query_range_explain", "/api/v1/query_exemplars",
            "/api/v1/series", "/api/v1/labels", "/api/v1/label/{name}/values",
            "/api/v1/metadata", "/api/v1/status/replicas",
            "/api/v1/status/deletions", "/federate", "/api/v1/read",
            "/api/v1/status/tsdb", "/api/v1/status/cardinality",
            "/api/v1/cardinality/label_names", "/api/v1/cardinality/label_values",
            "/api/v1/user_stats", "/api/v1/rules", "/api/v1/rules/replay", "/api/v1/alerts",
            "/api/v1/alertmanagers", "/api/v1/rules/changes", "/api/v1/rules/undo",
            "/config/v1/rules", "/config/v1/rules/{namespace}",
            "/config/v1/rules/{namespace}/{group}", "/ruler/delete_tenant_config",
            "/api/v1/admin/tsdb/delete_series", "/api/v1/admin/tsdb/clean_tombstones",
            "/compactor/delete_tenant", "/compactor/delete_tenant_status",
        ),
        Answered.OWNER,
    ),
}  # fmt: skip

# What is asked of each of the processes that have its tenants, and made one, if they are several.
GATHERED = frozenset(("/api/v1/status/deletions", "/api/v1/user_stats"))
# What cannot be had of tenants of several processes. All else is answered by whoever accepted it,
# which reads what the others have.
NEVER_APART = frozenset(
    ("/api/v1/rules", "/api/v1/rules/replay", "/api/v1/alerts", "/api/v1/alertmanagers")
)


def place_of(request: web.Request) -> Answered:
    """Who answers a request. What is no route is answered by whoever accepted it."""
    resource = request.match_info.route.resource
    if resource is None or request.method == "OPTIONS":
        return Answered.HERE
    return PLACES[canonical(request)]


def canonical(request: web.Request) -> str:
    """The path of a request's route, without any prefix."""
    resource = request.match_info.route.resource
    assert resource is not None, "BUG: a request of no route has no path"
    prefix = request.app.get(ROUTE_PREFIX, "")
    return rule_name(resource.canonical.removeprefix(prefix)) or "/"


def check_places(app: web.Application) -> None:
    """Stop a program that has a route without a place."""
    missing = [
        resource.canonical
        for resource in app.router.resources()
        if (rule_name(resource.canonical) or "/") not in PLACES
    ]
    assert not missing, f"BUG: routes without a place in receiver/processes/routes.py: {missing}"
