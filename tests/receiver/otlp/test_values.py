"""Attribute values and numbers become the texts that Go's libraries make of them."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from receiver.otlp.values import bound_text, float_text, text_of, texts_of


def array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def mapping(**values: AnyValue) -> AnyValue:
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


ONE, TEXT = AnyValue(int_value=1), AnyValue(string_value="<é&>")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (AnyValue(), ""),
        (TEXT, "<é&>"),
        (AnyValue(bool_value=True), "true"),
        (AnyValue(bool_value=False), "false"),
        (AnyValue(int_value=-(1 << 63)), "-9223372036854775808"),
        (AnyValue(double_value=0.5), "0.5"),
        (AnyValue(double_value=3.0), "3"),
        (AnyValue(bytes_value=b"\xff\x00"), "/wA="),
        (array(), "[]"),
        (
            array(ONE, TEXT, AnyValue(), AnyValue(double_value=2.0)),
            '[1,"<é&>",null,2]',
        ),
        (mapping(b=ONE, a=array(AnyValue(double_value=0.5))), '{"a":[0.5],"b":1}'),
        (array(AnyValue(bytes_value=b"\xff")), '["/w=="]'),
        (array(AnyValue(bool_value=True)), "[true]"),
        (
            array(*(AnyValue(double_value=v) for v in (1e16, 1e21, 1e-7, -0.0, 0.1))),
            "[10000000000000000,1e+21,1e-7,-0,0.1]",
        ),
        (array(AnyValue(string_value='"\\\n\x01\u2028\x7f')), '["\\"\\\\\\n\\u0001\\u2028\x7f"]'),
        (array(ONE, AnyValue(double_value=float("nan"))), ""),
        (mapping(a=array(AnyValue(double_value=float("inf")))), ""),
        (mapping(), "{}"),
        (mapping(z=AnyValue(), é=ONE, Z=TEXT), '{"Z":"<é&>","z":null,"é":1}'),
    ],
)
def test_values(value: AnyValue, text: str) -> None:
    assert text_of(value) == text


def test_values_may_be_as_deep_as_the_parser_allows() -> None:
    value = ONE
    for _ in range(45):
        value = array(value)
    assert text_of(AnyValue.FromString(value.SerializeToString())) == "[" * 45 + "1" + "]" * 45


def test_the_last_of_equal_attributes_counts() -> None:
    pairs = [KeyValue(key="a", value=ONE), KeyValue(key="b"), KeyValue(key="a", value=TEXT)]
    assert texts_of(pairs) == {"a": "<é&>", "b": ""}


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [
        (0.0, "0", "0"),
        (5.0, "5", "5"),
        (0.005, "0.005", "0.005"),
        (1e-6, "0.000001", "0.000001"),
        (1e-7, "0.0000001", "1e-7"),
        (-2.5e-10, "-0.00000000025", "-2.5e-10"),
        (1e21, "1000000000000000000000", "1e+21"),
        (1e20, "100000000000000000000", "100000000000000000000"),
        (float("inf"), "+Inf", "Infinity"),
        (float("-inf"), "-Inf", "-Infinity"),
        (float("nan"), "NaN", "NaN"),
    ],
)
def test_numbers(value: float, bound: str, text: str) -> None:
    assert (bound_text(value), float_text(value)) == (bound, text)
