"""Labels of series, payload by payload, by the rules of Prometheus 3.14."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tests.makers.bodies.otlp import SERVICE, attributes, gauge, number
from tests.makers.otlp_lines import lines_of, listed, scope_of, with_attributes

PLAIN = {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"}
NONE = {"translation_strategy": "NoTranslation"}
ALL = {"promote_all": True}
SCOPE = {"promote_scope": True}
HOST = SERVICE | {"host.name": "h"}
SHOP = 'instance="i-1",job="prod/shop"'
INFO = "target_info{"


def lines(point: dict[str, object] | None = None, **how: Any) -> list[str]:
    return lines_of(gauge("g", number(1, labels=point or {})), **how)


@pytest.mark.parametrize(
    ("resource", "point", "how", "expected"),
    [
        # job and instance
        (SERVICE, {}, {}, [f"g{{{SHOP}}} 1"]),
        ({"service.name": "s"}, {}, {}, ['g{job="s"} 1']),
        ({"service.namespace": "n"}, {}, {}, ["g 1"]),
        ({"service.name": "s", "service.namespace": ""}, {}, {}, ['g{job="/s"} 1']),
        ({"service.name": "", "service.namespace": "n"}, {}, {}, ['g{job="n/"} 1']),
        ({"service.name": 1, "service.instance.id": True}, {}, {},
         ['g{instance="true",job="1"} 1']),
        ({"service.name": "s"}, {"job": "own", "instance": "i"}, {},
         ['g{instance="i",job="s"} 1']),
        ({"service.name": "", "service.instance.id": ""}, {"job": "own", "instance": "i"}, {},
         ['g{instance="i",job="own"} 1']),
        # attributes of the point
        ({}, {"a": "", "b": "x"}, {}, ['g{b="x"} 1']),
        ({}, {"a.b": "1", "a_b": "2"}, {}, ['g{a_b="1;2"} 1']),
        ({}, {"a_b": "2", "a.b": "1", "a-b": "0"}, {}, ['g{a_b="0;1;2"} 1']),
        ({}, {"a.b": "", "a_b": "2"}, {}, ['g{a_b="2"} 1']),
        ({}, {"a.b": "1", "a_b": ""}, {}, ['g{a_b="1;"} 1']),
        ({}, {"a.b": "1", "a_b": "2"}, NONE, ['g{a.b="1",a_b="2"} 1']),
        ({}, {"é": "1", "-": "2"}, {}, ['g{key_="2;1"} 1']),
        ({}, {"__name__": "x", "le": "1", "quantile": "2"}, {}, ['g{le="1",quantile="2"} 1']),
        ({}, {"..name..": "x"}, {}, ["g 1"]),
        # promoted attributes
        (HOST, {}, {"promoted_attributes": ("host.name", "none")},
         [f'g{{host_name="h",{SHOP}}} 1', f'{INFO}host_name="h",{SHOP}}} 1']),
        (HOST, {}, ALL,
         [f'g{{host_name="h",{SHOP},service_instance_id="i-1",service_name="shop",'
          'service_namespace="prod"} 1', f'{INFO}host_name="h",{SHOP}}} 1']),
        (HOST, {}, ALL | {"ignored_attributes": ("host.name", "service.name")},
         [f'g{{{SHOP},service_instance_id="i-1",service_namespace="prod"}} 1',
          f'{INFO}host_name="h",{SHOP}}} 1']),
        ({"host.name": "r"}, {"host.name": "p"}, ALL, ['g{host_name="p"} 1']),
        ({"host.name": "r"}, {"host.name": ""}, ALL, ['g{host_name="r"} 1']),
        ({"host.name": "r"}, {"host_name": "p"}, ALL, ['g{host_name="p"} 1']),
        ({"a.b": "1", "a_b": "2"}, {}, ALL, ['g{a_b="2"} 1']),
        ({"a_b": "2", "a.b": "1"}, {}, ALL, ['g{a_b="1"} 1']),
        ({"a.b": "1", "a_b": ""}, {}, ALL, ["g 1"]),
        ({"a.b": "1", "a_b": "2"}, {}, ALL | NONE, ['g{a.b="1",a_b="2"} 1']),
        ({"é": "v"}, {}, ALL, ['g{key_="v"} 1']),
        ({"__": "v", "b": "x"}, {}, ALL, ['g{b="x"} 1']),
        ({"job": "r", "x": "1"}, {}, ALL, ['g{job="r",x="1"} 1', f'{INFO}job="r",x="1"}} 1']),
        # target_info
        ({"host.name": "h"}, {}, {}, ["g 1"]),
        (HOST, {}, {"keep_identifying": True},
         [f"g{{{SHOP}}} 1",
          f'{INFO}host_name="h",{SHOP},service_instance_id="i-1",service_name="shop",'
          'service_namespace="prod"} 1']),
        (SERVICE, {}, {"keep_identifying": True}, [f"g{{{SHOP}}} 1"]),
        ({"service.instance.id": "i", "n": 1.5}, {}, {},
         ['g{instance="i"} 1', f'{INFO}instance="i",n="1.5"}} 1']),
        ({"service.name": "", "n": "x"}, {}, {}, ["g 1"]),
        ({"instance": "own", "n": "x"}, {}, {}, ["g 1", f'{INFO}instance="own",n="x"}} 1']),
        ({"service.name": "s", "a.b": "1", "a_b": "2"}, {}, {},
         ['g{job="s"} 1', f'{INFO}a_b="1;2",job="s"}} 1']),
        ({"service.name": "s", "a.b": "1", "é": "2"}, {}, NONE,
         ['g{job="s"} 1', f'{INFO}a.b="1",job="s",é="2"}} 1']),
        ({"service.name": "s", "__": "1", "b": "2"}, {}, {},
         ['g{job="s"} 1', f'{INFO}b="2",job="s"}} 1']),
    ],
)  # fmt: skip
def test_resources_and_points(
    resource: dict[str, object],
    point: dict[str, object],
    how: dict[str, Any],
    expected: list[str],
) -> None:
    assert lines(point, resource=resource, **how) == expected


@pytest.mark.parametrize(
    ("scope", "point", "expected"),
    [
        (scope_of("lib", "1"), {}, 'otel_scope_name="lib",otel_scope_version="1"'),
        (scope_of("lib", a=1), {}, 'otel_scope_a="1",otel_scope_name="lib"'),
        (scope_of("lib", "1", name="x", version="x", schema_url="x"), {},
         'otel_scope_name="lib",otel_scope_version="1"'),
        (scope_of("lib", "", version="x"), {}, 'otel_scope_name="lib"'),
        (scope_of("lib", **{"a.b": "1", "a_b": "2"}), {},
         'otel_scope_a_b="2",otel_scope_name="lib"'),
        (scope_of("lib", **{"é": "1"}), {}, 'otel_scope__="1",otel_scope_name="lib"'),
        (scope_of("lib"), {"otel_scope_name": "p", "x": "y"}, 'otel_scope_name="lib",x="y"'),
        (scope_of("", "1", a=1), {"otel_scope_name": "p"}, 'otel_scope_name="p"'),
    ],
)  # fmt: skip
def test_scopes(scope: Any, point: dict[str, object], expected: str) -> None:
    url = 'otel_scope_schema_url="http://schema"'
    (line,) = lines(point, scope=scope, **SCOPE)
    assert line.replace(f"{url},", "").replace(f",{url}", "") == f"g{{{expected}}} 1"
    assert (url in line) == bool(scope.name)
    (line,) = lines({}, scope=scope)
    assert line == "g 1"


def test_target_info_has_no_scope() -> None:
    found = lines({}, resource=HOST, scope=scope_of(), **SCOPE)
    assert found[1] == f'{INFO}host_name="h",{SHOP}}} 1'


def value(**kind: Any) -> AnyValue:
    return AnyValue(**kind)


MAP = value(
    kvlist_value=KeyValueList(values=[*attributes({"b": 1, "a": "<&>"}), KeyValue(key="c")])
)


@pytest.mark.parametrize(
    ("of", "text"),
    [
        ("<a>&\"'\\", "<a>&\"'\\"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        ((1 << 63) - 1, "9223372036854775807"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (-0.0, "-0"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (value(bytes_value=b"\x00\xff"), "AP8="),
        (value(), None),
        (listed(), "[]"),
        (listed("<a>&", 1, 1.5, 2.0, True, value()), '["<a>&",1,1.5,2,true,null]'),
        (listed(listed(1), MAP), '[[1],{"a":"<&>","b":1,"c":null}]'),
        (listed(value(bytes_value=b"\xff")), '["/w=="]'),
        (listed(1e21, 1e-7, 1e16), "[1e+21,1e-7,10000000000000000]"),
        (listed("\u2028\t\x00é"), '["\\u2028\\t\\u0000é"]'),
        (listed(math.nan), None),
        (listed(1, math.inf), None),
        (MAP, '{"a":"<&>","b":1,"c":null}'),
    ],
)
def test_attribute_values(of: object, text: str | None) -> None:
    point = with_attributes(number(1), [("v", of)])
    head = "g" if text is None else f'g{{v="{text}"}}'
    assert lines_of(gauge("g", point)) == [f"{head} 1"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", "1"), ("a", "2")], 'a="1;2"'),
        ([("a", "2"), ("b", "x"), ("a", "1")], 'a="2;1",b="x"'),
        ([("a", ""), ("a", "2")], 'a="2"'),
        ([("__name__", "1"), ("__name__", "2"), ("a", "x")], 'a="x"'),
    ],
)
def test_attributes_given_twice(pairs: list[tuple[str, object]], expected: str) -> None:
    for how in ({}, PLAIN):
        found = lines_of(gauge("g", with_attributes(number(1), pairs)), **how)
        assert found == [f"g{{{expected}}} 1"]


def test_resource_attributes_given_twice() -> None:
    resource = Resource(attributes=[*attributes({"a": "1"}), *attributes({"a": "2"})])
    assert lines(resource=resource, **ALL) == ['g{a="2"} 1']
