"""Annotations: once per text, with the place that was first."""

from api.promql.annotations import Annotations
from api.promql.syntax.nodes import NumberLiteral


def test_texts_appear_once_with_kind_and_first_place() -> None:
    annotations = Annotations("é +\n x".encode())
    annotations.warn("odd", NumberLiteral(3, 4, 1.0))
    annotations.warn("odd", NumberLiteral(6, 7, 1.0))
    annotations.warn("odder", NumberLiteral(6, 7, 1.0))
    annotations.info("odd", NumberLiteral(6, 7, 1.0))
    assert annotations.warnings() == ("PromQL warning: odd (1:4)", "PromQL warning: odder (2:2)")
    assert annotations.infos() == ("PromQL info: odd (2:2)",)


def test_there_are_none_at_first() -> None:
    annotations = Annotations(b"")
    assert annotations.warnings() == annotations.infos() == ()
