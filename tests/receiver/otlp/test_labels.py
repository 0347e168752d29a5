"""Labels: attributes, promoted ones, scopes, job and instance, target_info."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from receiver.otlp.labels import (
    ATTRIBUTES_MAX,
    LabelMaker,
    RefusedPoint,
    ResourceLabels,
    named,
)
from receiver.settings.options import OtlpOptions
from tests.makers.bodies.otlp import SERVICE, attributes

OPTIONS = OtlpOptions()


def labels_of(resource: Mapping[str, object], **changes: Any) -> ResourceLabels:
    options = replace(OPTIONS, **changes)
    message = Resource(attributes=attributes(resource))
    return ResourceLabels(LabelMaker(options), message, options)


def of_point(
    resource: Mapping[str, object], point: Mapping[str, object], **changes: Any
) -> dict[str, str]:
    return labels_of(resource, **changes).of_point(attributes(point))


@pytest.mark.parametrize(
    ("resource", "identity"),
    [
        (SERVICE, {"job": "prod/shop", "instance": "i-1"}),
        ({"service.name": "shop"}, {"job": "shop"}),
        ({"service.namespace": "prod"}, {}),
        ({"service.instance.id": 7}, {"instance": "7"}),
        ({}, {}),
    ],
)
def test_job_and_instance(resource: dict[str, object], identity: dict[str, str]) -> None:
    assert of_point(resource, {}) == identity
    assert of_point(resource, {"job": "x", "a": "b"}) == {"job": "x", "a": "b"} | identity


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({}, {}),
        ({"promoted_attributes": ("k8s.pod", "none")}, {"k8s_pod": "p"}),
        ({"promote_all": True}, {"k8s_pod": "p", "zone": "z", "service_name": "shop"}),
        (
            {"promote_all": True, "ignored_attributes": ("zone", "service.name")},
            {"k8s_pod": "p"},
        ),
        (
            {"promoted_attributes": ("k8s.pod",), "translation_strategy": "NoTranslation"},
            {"k8s.pod": "p"},
        ),
    ],
)
def test_promoted_attributes(changes: dict[str, Any], labels: dict[str, str]) -> None:
    resource = {"k8s.pod": "p", "zone": "z", "service.name": "shop"}
    assert of_point(resource, {}, **changes) == labels | {"job": "shop"}


def test_a_points_own_attributes_win_unless_empty() -> None:
    changes = {"promoted_attributes": ("a", "b")}
    assert of_point({"a": "r", "b": "r"}, {"a": "p", "b": ""}, **changes) == {"a": "p", "b": "r"}


@pytest.mark.parametrize(
    ("strategy", "labels"),
    [
        ("UnderscoreEscapingWithSuffixes", {"a_b": "1;2", "c": "3"}),
        ("UnderscoreEscapingWithoutSuffixes", {"a_b": "1;2", "c": "3"}),
        ("NoUTF8EscapingWithSuffixes", {"a.b": "1", "a_b": "2", "c": "3"}),
        ("NoTranslation", {"a.b": "1", "a_b": "2", "c": "3"}),
    ],
)
def test_names_that_become_one(strategy: str, labels: dict[str, str]) -> None:
    point = {"a_b": "2", "c": "3", "a.b": "1", "__name__": "4"}
    assert of_point({}, point, translation_strategy=strategy) == labels


@pytest.mark.parametrize("point", [{"": "x"}, {"__": "x"}, {"éé": "x"}, {"...": "x"}])
def test_names_that_cannot_be_labels_are_refused(point: dict[str, object]) -> None:
    with pytest.raises(RefusedPoint, match="is no label name"):
        of_point({}, point)


def test_attributes_are_limited() -> None:
    many = {f"a{i}": "x" for i in range(ATTRIBUTES_MAX + 1)}
    with pytest.raises(RefusedPoint, match="1001 attributes; allowed are 1000"):
        of_point({}, many)
    with pytest.raises(RefusedPoint, match="1001 promoted attributes of a resource; allowed are"):
        labels_of(many, promote_all=True)
    with pytest.raises(RefusedPoint, match="1001 attributes; allowed are 1000"):
        labels_of(many).of_target()
    scope = InstrumentationScope(name="s", attributes=attributes(many))
    with pytest.raises(RefusedPoint, match="1001 attributes of a scope; allowed are 1000"):
        LabelMaker(replace(OPTIONS, promote_scope=True)).of_scope(scope, "")


def test_scopes() -> None:
    scope = InstrumentationScope(name="lib", version="1", attributes=attributes({"x.y": 1}))
    maker = LabelMaker(replace(OPTIONS, promote_scope=True))
    assert maker.of_scope(scope, "url") == {
        "otel_scope_name": "lib",
        "otel_scope_version": "1",
        "otel_scope_schema_url": "url",
        "otel_scope_x_y": "1",
    }
    assert maker.of_scope(InstrumentationScope(version="1"), "url") == {}
    assert LabelMaker(OPTIONS).of_scope(scope, "url") == {}


@pytest.mark.parametrize(
    ("resource", "changes", "labels"),
    [
        (SERVICE, {}, None),
        ({"host.name": "h"}, {}, None),
        (
            SERVICE | {"host.name": "h", "n": 1},
            {"promote_all": True},
            {"job": "prod/shop", "instance": "i-1", "host_name": "h", "n": "1"},
        ),
        (
            {"service.name": "shop", "host.name": "h"},
            {"keep_identifying": True},
            {"job": "shop", "service_name": "shop", "host_name": "h"},
        ),
    ],
)
def test_target_info(
    resource: dict[str, object], changes: dict[str, Any], labels: dict[str, str] | None
) -> None:
    assert labels_of(resource, **changes).of_target() == labels


def test_names_are_put_to_labels() -> None:
    labels = named({"b": "2", "a": "", "é": "3", "__name__": "x"}, "up", le="+Inf")
    assert labels == (("__name__", "up"), ("b", "2"), ("le", "+Inf"), ("é", "3"))
