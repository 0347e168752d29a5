"""What each route asks of those who call it: one table, and every route is in it.

Invariants:
* The program does not start with a route that has no rule (`check_routes`).
* What is no route at all asks for a credential, so that no one learns without one what there is.
"""

from enum import Enum

from aiohttp import web

from receiver.access.grants import ADMIN, CONFIGURE, METRICS, READ, WRITE

# What all paths of an application begin with.
ROUTE_PREFIX = web.AppKey("route_prefix", str)


class Need(Enum):
    """A right, any credential at all, or nothing."""

    READ = READ
    WRITE = WRITE
    METRICS = METRICS
    ADMIN = ADMIN
    CONFIGURE = CONFIGURE
    LOGIN = "login"
    NOTHING = "nothing"


# Requests that need one of these are for tenants.
OF_TENANTS = frozenset({Need.READ, Need.WRITE, Need.ADMIN, Need.CONFIGURE})

# By path, the prefix /prometheus aside. Probes must work without a secret and say nothing of data.
RULES: dict[str, Need] = {
    "/-/healthy": Need.NOTHING,
    "/-/ready": Need.NOTHING,
    # The page is the same for everyone; it asks for a credential, and the API for its data.
    "/": Need.NOTHING,
    "/graph": Need.NOTHING,
    "/query": Need.NOTHING,
    "/alerts": Need.NOTHING,
    "/rules": Need.NOTHING,
    "/status": Need.NOTHING,
    "/flags": Need.NOTHING,
    "/config": Need.NOTHING,
    "/tsdb-status": Need.NOTHING,
    "/ui": Need.NOTHING,
    "/ui/": Need.NOTHING,
    "/ui/{page}": Need.NOTHING,
    "/ui/assets/{file}": Need.NOTHING,
    "/metrics": Need.METRICS,
    "/api/v1/write": Need.WRITE,
    "/api/v1/push": Need.WRITE,
    "/api/v1/receive": Need.WRITE,
    "/api/v1/otlp/v1/metrics": Need.WRITE,
    "/otlp/v1/metrics": Need.WRITE,
    "/api/v1/otlp": Need.WRITE,
    "/api/v1/query": Need.READ,
    "/api/v1/query_range": Need.READ,
    "/api/v1/query_explain": Need.READ,
    "/api/v1/query_range_explain": Need.READ,
    "/api/v1/query_exemplars": Need.READ,
    "/api/v1/series": Need.READ,
    "/api/v1/labels": Need.READ,
    "/api/v1/label/{name}/values": Need.READ,
    "/api/v1/metadata": Need.READ,
    "/api/v1/status/buildinfo": Need.READ,
    "/api/v1/status/replicas": Need.READ,
    # Names those that the caller may read, whatever tenant the request is for.
    "/api/v1/status/tenants": Need.LOGIN,
    "/api/v1/status/rejected": Need.READ,
    "/api/v1/status/deletions": Need.READ,
    "/api/v1/user_limits": Need.READ,
    "/federate": Need.READ,
    "/version": Need.READ,
    "/api/v1/read": Need.READ,
    "/api/v1/format_query": Need.READ,
    "/api/v1/parse_query": Need.READ,
    "/api/v1/features": Need.READ,
    "/api/v1/stores": Need.READ,
    "/api/v1/openapi.json": Need.READ,
    "/api/v1/openapi.yaml": Need.READ,
    "/api/v1/status/active_queries": Need.READ,
    "/api/v1/status/active_queries/{id}": Need.READ,
    "/api/v1/status/slow_queries": Need.READ,
    "/api/v1/status/tsdb": Need.READ,
    "/api/v1/status/cardinality": Need.READ,
    "/api/v1/cardinality/label_names": Need.READ,
    "/api/v1/cardinality/label_values": Need.READ,
    "/api/v1/user_stats": Need.READ,
    "/api/v1/targets": Need.READ,
    "/api/v1/targets/metadata": Need.READ,
    "/api/v1/targets/relabel_steps": Need.READ,
    "/api/v1/scrape_pools": Need.READ,
    "/api/v1/scrape_pools/config": Need.READ,
    "/api/v1/rules": Need.READ,
    "/api/v1/rules/replay": Need.READ,
    "/api/v1/alerts": Need.READ,
    "/api/v1/alertmanagers": Need.READ,
    "/api/v1/rules/changes": Need.READ,
    "/api/v1/rules/undo": Need.CONFIGURE,
    "/config/v1/rules": Need.READ,
    "/config/v1/rules/{namespace}": Need.READ,
    "/config/v1/rules/{namespace}/{group}": Need.READ,
    "/ruler/delete_tenant_config": Need.CONFIGURE,
    "/api/v1/notifications": Need.READ,
    "/api/v1/notifications/live": Need.READ,
    "/api/v1/search/metric_names": Need.READ,
    "/api/v1/search/label_names": Need.READ,
    "/api/v1/search/label_values": Need.READ,
    "/api/v1/status/runtimeinfo": Need.READ,
    "/api/v1/status/walreplay": Need.READ,
    # Of the program, not of a tenant's data: for those who watch it.
    "/api/v1/status/config": Need.METRICS,
    "/api/v1/status/flags": Need.METRICS,
    "/api/v1/status/segments": Need.METRICS,
    "/api/v1/status/cluster": Need.METRICS,
    "/api/v1/status/self_metrics": Need.METRICS,
    "/api/v1/status/tsdb/blocks": Need.METRICS,
    "/api/v1/admin/tsdb/delete_series": Need.ADMIN,
    "/api/v1/admin/tsdb/clean_tombstones": Need.ADMIN,
    "/api/v1/admin/tsdb/snapshot": Need.ADMIN,
    "/debug/pprof/profile": Need.ADMIN,
    "/compactor/delete_tenant": Need.ADMIN,
    "/compactor/delete_tenant_status": Need.ADMIN,
}


# Of paths that are also written to: what all methods but GET and HEAD need.
CHANGES: dict[str, Need] = {
    "/config/v1/rules/{namespace}": Need.CONFIGURE,
    "/config/v1/rules/{namespace}/{group}": Need.CONFIGURE,
}


def need_of(request: web.Request) -> Need:
    """What a request needs. Preflights carry no credential, and get no data."""
    resource = request.match_info.route.resource
    if resource is None:  # no such path, or not with this method
        return Need.LOGIN
    if request.method == "OPTIONS":
        return Need.NOTHING
    path = resource.canonical.removeprefix(request.app.get(ROUTE_PREFIX, ""))
    return rule_of(request.method, path) or Need.LOGIN


def rule_of(method: str, path: str) -> Need | None:
    """What a method of a route needs, by the route's path; None without a rule."""
    name = rule_name(path)
    is_change = method not in ("GET", "HEAD")
    return (CHANGES.get(name) if is_change else None) or RULES.get(name)


def check_routes(app: web.Application) -> None:
    """Stop a program that has a route without a rule."""
    missing = [
        resource.canonical
        for resource in app.router.resources()
        if rule_name(resource.canonical) not in RULES
    ]
    assert not missing, f"BUG: routes without a rule in receiver/access/rules.py: {missing}"


def rule_name(path: str) -> str:
    return path.removeprefix("/prometheus")
