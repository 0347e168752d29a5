"""The description of the API in the form of OpenAPI 3.1, made from its table of routes.

Forms have the fields that URLs have as parameters. Of an answer's data their kind is said
(answer_schemas.py); what is in them is documented in docs/http.md.
"""

from collections.abc import Iterable
from typing import Any

from api.answers.accept import Form
from api.endpoints.handler import Handler
from api.errors import STATUS_OF_KIND
from api.web.answer_schemas import DATA
from api.web.parameters import DURATIONS, INTEGERS, PARAMETERS, REQUIRED, TIMES

VERSION = "3.1.0"
Route = tuple[tuple[str, ...], str, Handler]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# Endpoints that answer with something else than JSON in an envelope, and with what.
PLAIN_JSON = frozenset(
    {
        *("cardinality/label_names", "cardinality/label_values", "user_stats", "version"),
        "compactor/delete_tenant_status",
    }
)
# The configuration of rules: read as YAML, and changes are answered as Mimir does, with 202.
CONFIGURATION = frozenset(
    {f"config/v1/rules{rest}" for rest in ("", "/{namespace}", "/{namespace}/{group}")}
)
OTHER_TYPES = {
    **dict.fromkeys(CONFIGURATION, "application/yaml"),
    "ruler/delete_tenant_config": "text/plain",
    "federate": "text/plain",
    "read": "application/x-protobuf",
    "openapi.yaml": "application/yaml",
    "compactor/delete_tenant": "text/plain",
}
# Of these, those that are texts of something that has a structure of its own.
DOCUMENTS = frozenset({"application/yaml"})
# Endpoints whose answers are also tables, if the header Accept wants that.
TABLES = frozenset({"query", "query_range", "series", "labels", "label/{name}/values"})
# What the body of a request is where it is no form.
BODIES = {
    "read": "application/x-protobuf",
    "config/v1/rules/{namespace}": "application/yaml",
    "rules/replay": "application/yaml",
}
# Endpoints whose errors are plain text.
PLAIN_ERRORS = CONFIGURATION | {"read", "federate", "ruler/delete_tenant_config"}


def describe(routes: Iterable[tuple[str, Route]], *, version: str) -> dict[str, Any]:
    """The document. routes: each with the prefix of its path."""
    paths: dict[str, dict[str, Any]] = {}
    for prefix, (methods, path, handler) in routes:
        operations = paths.setdefault(f"{prefix}/{path}", {})
        for method in methods:
            operations[method.lower()] = operation(method, path, handler)
    return {
        "openapi": VERSION,
        "info": {"title": "Cupola", "version": version},
        "security": [{}, {"basic": []}, {"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": SCHEMAS, "securitySchemes": SECURITY, "parameters": TENANT},
    }


def operation(method: str, path: str, handler: Handler) -> dict[str, Any]:
    """What one method of a path takes and answers."""
    names, required = PARAMETERS.get(path, ()), REQUIRED.get(path, ())
    summary = (handler.__doc__ or path).strip().splitlines()[0]
    made: dict[str, Any] = {
        "operationId": f"{method.lower()}_{path}".translate(_IDENTIFIER),
        "summary": summary,
        "parameters": [{"$ref": "#/components/parameters/tenant"}, *variables(path)],
        "responses": responses(path),
    }
    if method == "POST" and path in BODIES:
        content = {BODIES[path]: {"schema": {"type": "string", "format": "binary"}}}
        made["requestBody"] = {"required": True, "content": content}
    elif method in ("POST", "PUT") and names:
        made["requestBody"] = {"content": {FORM: {"schema": form(names, required)}}}
        names, required = (), ()
    made["parameters"] += [
        {"name": name, "in": "query", "required": name in required, "schema": schema(name)}
        for name in names
    ]
    return made


def variables(path: str) -> list[dict[str, Any]]:
    """The variable parts of a path."""
    return [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for part in path.split("/")
        if part.startswith("{")
    ]


def schema(name: str) -> dict[str, Any]:
    if name.endswith("[]") or name == "reason":
        return {"type": "array", "items": {"type": "string"}}
    if name in INTEGERS:
        return {"type": "integer"}
    if name in TIMES:
        return {"type": "string", "description": "Seconds since 1970, or RFC 3339."}
    if name in DURATIONS:
        return {"type": "string", "description": "Seconds, or a duration such as 1h30m."}
    return {"type": "string"}


def form(names: Iterable[str], required: Iterable[str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema(name) for name in names},
    }
    return made | {"required": list(required)} if required else made


def responses(path: str) -> dict[str, Any]:
    """The answers by status: what was asked for, nothing, and all kinds of errors."""
    kind = OTHER_TYPES.get(path, JSON)
    content = {kind: {"schema": success(path, kind)}}
    if path in TABLES:
        binary = {"type": "string", "format": "binary"}
        content[Form.ARROW.value] = {"schema": binary}
        content[Form.CSV.value] = {"schema": {"type": "string"}}
    error: dict[str, Any] = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    if path in PLAIN_ERRORS:
        error = {"text/plain": {"schema": {"type": "string"}}}
    refused = {"text/plain": {"schema": {"type": "string"}}}
    found: dict[str, Any] = {
        "200": {"description": "The answer.", "content": content},
        "204": {"description": "Done, or nothing to say."},
        "401": {"description": "A credential is needed.", "content": refused},
        "403": {"description": "The credential does not allow it.", "content": refused},
    }
    for status in sorted(set(STATUS_OF_KIND.values())):
        found[str(status)] = {"description": kinds_of(status), "content": error}
    if path in CONFIGURATION:
        found["202"] = {"description": "Done.", "content": {JSON: {"schema": {"type": "object"}}}}
    if path in ("rules/undo", "rules/replay"):
        found["403"] = {"description": found["403"]["description"], "content": refused | error}
    if path == "rules/undo":
        found["409"] = {"description": "Something was changed since.", "content": error}
    return found


def success(path: str, kind: str) -> dict[str, Any]:
    """The schema of the answer, if it is of this kind, the usual one."""
    if path in PLAIN_JSON:
        return {"type": "object"}
    if kind != JSON:
        return {} if kind in DOCUMENTS else {"type": "string"}
    envelope = {"$ref": "#/components/schemas/Success"}
    data = DATA.get(path)
    return {"allOf": [envelope, {"properties": {"data": data}}]} if data else envelope


def kinds_of(status: int) -> str:
    """The kinds of errors that have a status."""
    kinds = [kind for kind, own in STATUS_OF_KIND.items() if own == status]
    return f"An error: {' or '.join(kinds)}."


_IDENTIFIER = str.maketrans(dict.fromkeys("/{}.", "_"))
_NOTES = {"type": "array", "items": {"type": "string"}}
SCHEMAS: dict[str, Any] = {
    "Success": {
        "type": "object",
        "required": ["status", "data"],
        "properties": {
            "status": {"const": "success"},
            "data": {},
            "warnings": _NOTES,
            "infos": _NOTES,
        },
    },
    "Error": {
        "type": "object",
        "required": ["status", "errorType", "error"],
        "properties": {
            "status": {"const": "error"},
            "errorType": {"enum": sorted(STATUS_OF_KIND)},
            "error": {"type": "string"},
        },
    },
}
SECURITY: dict[str, Any] = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
TENANT: dict[str, Any] = {
    "tenant": {
        "name": "X-Scope-OrgID",
        "in": "header",
        "required": False,
        "description": "The tenant, or several with | between them.",
        "schema": {"type": "string"},
    }
}
