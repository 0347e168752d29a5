"""Typed values of YAML, and all that does not fit them."""

from typing import Any

import pytest

from rules.files.decoder import DecodeError, Decoder
from rules.files.document import Node, parse_document


class Target:
    """A struct with a field of each type."""

    def __init__(self, decoder: Decoder) -> None:
        self.got: dict[str, Any] = {}
        self._decoder = decoder

    def read(self, node: Node) -> None:
        decoder = self._decoder

        def keep(name: str, value: Any) -> None:
            self.got[name] = value

        fields = {
            "text": lambda n: keep("text", decoder.text(n)),
            "int": lambda n: keep("int", decoder.integer(n)),
            "real": lambda n: keep("real", decoder.real(n)),
            "flag": lambda n: keep("flag", decoder.boolean(n)),
            "span": lambda n: keep("span", decoder.duration(n)),
            "map": lambda n: keep("map", decoder.texts(n)),
            "list": lambda n: decoder.items(
                n, "[]string", lambda i: self.got.setdefault("list", []).append(decoder.text(i))
            ),
        }
        decoder.struct(node, "T", fields)


def decode(content: str, *, ignores_unknown: bool = False) -> dict[str, Any]:
    decoder = Decoder(ignores_unknown=ignores_unknown)
    target = Target(decoder)
    root = parse_document(content.encode()).root
    assert root is not None
    target.read(root)
    decoder.check()
    return target.got


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("text: 5", {"text": "5"}),
        ("text: ~", {"text": None}),
        ("text: !!binary aGk=", {"text": "hi"}),
        ("int: 1.9", {"int": 1}),
        ("int: 0x10", {"int": 16}),
        ("int: ", {"int": 0}),
        ("real: 5", {"real": 5.0}),
        ("real: -.Inf", {"real": float("-inf")}),
        ("real: 1e3", {"real": 1000.0}),
        ("flag: yes", {"flag": True}),
        ("flag: off", {"flag": False}),
        ("flag: ~", {"flag": False}),
        ("span: 1h30m", {"span": 5_400_000}),
        ("span: ~", {"span": None}),
        ("map: {a: 1, b: ~, 3: c}", {"map": {"a": "1", "b": "", "3": "c"}}),
        ("map: ~", {"map": {}}),
        ("list: [a, 1, ~]", {"list": ["a", "1", None]}),
        ("text: &x a\nmap: {k: *x}", {"text": "a", "map": {"k": "a"}}),
        ("map: &m {a: 1, b: 2}\n", {"map": {"a": "1", "b": "2"}}),
        ("map: {<<: {a: 1, b: 2}, b: 3}", {"map": {"b": "3", "a": "1"}}),
        ("map: {<<: [{a: 1}, {a: 2, c: 3}]}", {"map": {"a": "1", "c": "3"}}),
        ("<<: {text: b, int: 1}\ntext: a", {"text": "a", "int": 1}),
    ],
)
def test_values(content: str, got: dict[str, Any]) -> None:
    assert decode(content) == got


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("[]", ["line 1: cannot unmarshal !!seq into T"]),
        ("text", ["line 1: cannot unmarshal !!str `text` into T"]),
        (
            "text: [a]\nint: abc",
            [
                "line 1: cannot unmarshal !!seq into string",
                "line 2: cannot unmarshal !!str `abc` into int",
            ],
        ),
        ("int: a longer text", ["line 1: cannot unmarshal !!str `a longe...` into int"]),
        ("flag: maybe", ["line 1: cannot unmarshal !!str `maybe` into bool"]),
        ("real: x", ["line 1: cannot unmarshal !!str `x` into float64"]),
        ("map: [a]", ["line 1: cannot unmarshal !!seq into map[string]string"]),
        ("map: {a: [b]}", ["line 1: cannot unmarshal !!seq into string"]),
        ("list: {a: b}", ["line 1: cannot unmarshal !!map into []string"]),
        (
            "nope: 1\ntext: a\nno: 2",
            ["line 1: field nope not found in type T", "line 3: field no not found in type T"],
        ),
        ("text: a\ntext: b", ['line 2: mapping key "text" already defined at line 1']),
        ("map:\n  a: 1\n  a: 2", ['line 3: mapping key "a" already defined at line 2']),
    ],
)
def test_misfits_are_collected(content: str, lines: list[str]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(content)
    assert str(caught.value) == "\n  ".join(["yaml: unmarshal errors:", *lines])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("span: 5x\nnope: 1", 'unknown unit "x" in duration "5x"'),
        ("span: ''", "empty duration string"),
        ("map: {<<: a}", "yaml: map merge requires map or sequence of maps as the value"),
        ("map: &a {<<: *a}", "yaml: anchor 'a' value contains itself"),
        ("int: !!int a", "yaml: cannot decode !!str `a` as a !!int"),
        ("text: !!binary =", "yaml: !!binary value contains invalid base64 data"),
    ],
)
def test_what_ends_it(content: str, text: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(content)
    assert str(caught.value) == text


def test_unknown_fields_may_be_ignored() -> None:
    assert decode("nope: 1\ntext: a", ignores_unknown=True) == {"text": "a"}


def test_aliases_expand_to_a_bounded_number_of_nodes() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    decoder = Decoder(ignores_unknown=True)

    def read(node: Node) -> None:
        decoder.items(node, "[]any", read)

    root = parse_document("\n".join([*levels, "all: *a8"]).encode()).root
    assert root is not None
    with pytest.raises(DecodeError, match="excessive aliasing"):
        decoder.struct(root, "T", {"all": read})
