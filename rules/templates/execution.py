"""The execution of a parsed template: a walk over its tree that writes text.

Whatever a template asks for is bounded: the steps of the walk, the length of the text, the depth of
templates within templates. Errors name the place and the expression, in Go's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from api.promql.go_format import quote
from rules.errors import FunctionError, TemplateError
from rules.templates.arguments import Arguments
from rules.templates.fields import field_of, method_of
from rules.templates.nodes import (
    Action,
    Bool,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Jump,
    List,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Text,
    Variable,
)
from rules.templates.parser import Template
from rules.templates.printing import plain_operand, printed
from rules.templates.signatures import OUTPUT_BYTES_MAX, Function
from rules.templates.values import (
    ABSENT,
    AnyMap,
    QueryResult,
    StringMap,
    Value,
    as_bytes,
    is_true,
    unboxed,
)

STEPS_MAX: Final = 100_000
DEPTH_MAX: Final = 100
INT64_MAX = (1 << 63) - 1


class _Break(Exception):
    """{{break}}"""


class _Continue(Exception):
    """{{continue}}"""


@dataclass(slots=True)
class _Frame:
    """One template that is executed: its name, and its variables, innermost last."""

    name: str
    variables: list[tuple[str, Value]]


class Execution:
    """One execution; run() once."""

    def __init__(self, template: Template, functions: Mapping[str, Function]) -> None:
        self._template = template
        self._functions = functions
        self._arguments = Arguments(self)
        self._frame = _Frame(template.name, [])
        self._at: Node | None = None
        self._parts: list[str] = []
        self._bytes = self._steps = self._depth = 0

    def run(self, data: Value) -> str:
        """The text. Raises TemplateError."""
        self._frame.variables = [("$", data)]
        try:
            self._walk_list(data, self._template.trees[self._template.name])
        except RecursionError as error:
            raise self.error("nested too deep to be executed") from error
        return "".join(self._parts)

    def at(self, node: Node) -> None:
        """What is evaluated now, which is what an error names."""
        self._at = node
        self._step()

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise self.error(f"exceeded the limit of {STEPS_MAX} steps")

    def error(self, text: str) -> TemplateError:
        name = self._frame.name
        if self._at is None:
            return TemplateError(f"template: {name}: {text}")
        before = self._template.source[: self._at.position]
        line = 1 + before.count("\n")
        column = len(as_bytes(before.rpartition("\n")[2]))
        place = f"{self._template.name}:{line}:{column}"
        return TemplateError(f"template: {place}: executing {quote(name)} at <{self._at}>: {text}")

    def _write(self, text: str) -> None:
        self._bytes += len(text)
        if self._bytes > OUTPUT_BYTES_MAX:
            raise self.error(f"exceeded the limit of {OUTPUT_BYTES_MAX} bytes of text")
        self._parts.append(text)

    # Nodes

    def _walk_list(self, dot: Value, nodes: List) -> None:
        for node in nodes.nodes:
            self._walk(dot, node)

    def _walk(self, dot: Value, node: Node) -> None:
        match node:
            case Text(text=text):
                self._write(text)
            case Action(pipe=pipe):
                value = self.pipe(dot, pipe)
                if not pipe.declared:
                    self._write(printed(value))
            case Branch(kind="range"):
                self._in_scope(lambda: self._range(dot, node))
            case Branch():
                self._in_scope(lambda: self._if_or_with(dot, node))
            case Call():
                self._call(dot, node)
            case Jump(kind=kind):
                raise _Break if kind == "break" else _Continue

    def _in_scope(self, walk: Callable[[], None]) -> None:
        known = len(self._frame.variables)
        walk()
        del self._frame.variables[known:]

    def _if_or_with(self, dot: Value, node: Branch) -> None:
        value = self.pipe(dot, node.pipe)
        if is_true(value):
            self._walk_list(value if node.kind == "with" else dot, node.body)
        elif node.otherwise is not None:
            self._walk_list(dot, node.otherwise)

    def _range(self, dot: Value, node: Branch) -> None:
        pairs = self._pairs_of(self.pipe(dot, node.pipe))
        variables = self._frame.variables
        known = len(variables)
        declared = [variable.names[0] for variable in node.pipe.declared]
        for key, value in pairs:
            self._step()
            if declared:
                self._set_range(node.pipe, declared, key, value)
            try:
                self._walk_list(value, node.body)
            except _Break:
                break
            except _Continue:
                pass
            finally:
                del variables[known:]
        if not pairs and node.otherwise is not None:
            self._walk_list(dot, node.otherwise)

    def _set_range(self, pipe: Pipe, declared: list[str], key: Value, value: Value) -> None:
        """Of two variables the first is the key; a single one is the value."""
        values = [key, value] if len(declared) > 1 else [value]
        if pipe.is_assignment:
            for name, one in zip(declared, values, strict=True):
                self._assign(name, one)
            return
        start = len(self._frame.variables) - len(declared)
        self._frame.variables[start:] = zip(declared, values, strict=True)

    def _pairs_of(self, value: Value) -> list[tuple[Value, Value]]:
        match value:
            case None:
                return []
            case QueryResult():
                return list(enumerate(value))
            case StringMap() | AnyMap():
                return sorted(value.items(), key=lambda pair: as_bytes(pair[0]))
            case bool():
                pass
            case int():
                if value > STEPS_MAX:
                    raise self.error(f"exceeded the limit of {STEPS_MAX} steps")
                return [(i, i) for i in range(value)]
        raise self.error(f"range can't iterate over {plain_operand(value)}")

    def _call(self, dot: Value, node: Call) -> None:
        self.at(node)
        tree = self._template.trees.get(node.name)
        if tree is None:
            raise self.error(f"template {quote(node.name)} not defined")
        if self._depth >= DEPTH_MAX:
            raise self.error(f"exceeded maximum template depth ({DEPTH_MAX})")
        value = None if node.pipe is None else self.pipe(dot, node.pipe)
        outer, self._frame = self._frame, _Frame(node.name, [("$", value)])
        self._depth += 1
        self._walk_list(value, tree)
        self._depth -= 1
        self._frame = outer

    # Values

    def pipe(self, dot: Value, pipe: Pipe) -> Value:
        """The value of a pipeline, after its variables were set."""
        self.at(pipe)
        value: Value = ABSENT
        for command in pipe.commands:
            value = unboxed(self._command(dot, command, value))
        for variable in pipe.declared:
            if pipe.is_assignment:
                self._assign(variable.names[0], value)
            else:
                self._frame.variables.append((variable.names[0], value))
        return value

    def _assign(self, name: str, value: Value) -> None:
        variables = self._frame.variables
        for i in range(len(variables) - 1, -1, -1):
            if variables[i][0] == name:
                variables[i] = (name, value)
                return
        raise self.error(f"undefined variable: {name}")

    def _command(self, dot: Value, command: Command, final: Value) -> Value:
        word, args = command.args[0], command.args
        match word:
            case Field():
                return self.field(dot, word, args, final)
            case Chain():
                return self.chain(dot, word, args, final)
            case Identifier():
                return self.function(dot, word, command, args, final=final)
            case Pipe():
                self._no_arguments(args, final)
                return self.pipe(dot, word)
            case Variable():
                return self.variable(dot, word, args, final)
        self.at(word)
        self._no_arguments(args, final)
        if isinstance(word, Nil):
            raise self.error("nil is not a command")
        return dot if isinstance(word, Dot) else self.constant(word)

    def _no_arguments(self, args: list[Node], final: Value) -> None:
        if len(args) > 1 or final is not ABSENT:
            raise self.error(f"can't give argument to non-function {args[0]}")

    def constant(self, node: Node) -> Value:
        match node:
            case Bool(value=flag):
                return flag
            case String(value=text):
                return text
            case Number(is_real=True, real=real):
                return real
            case Number(integer=integer) if integer is not None:
                if integer > INT64_MAX:
                    raise self.error(f"{node} overflows int")
                return integer
        raise self.error(f"can't evaluate command {quote(str(node))}")

    def field(self, dot: Value, node: Field, args: list[Node], final: Value) -> Value:
        self.at(node)
        return self._fields(dot, (dot, node.names), node, args, final=final)

    def chain(self, dot: Value, node: Chain, args: list[Node], final: Value) -> Value:
        self.at(node)
        if isinstance(node.node, Nil):
            raise self.error(f"indirection through explicit nil in {node}")
        inner = self._arguments.evaluate(dot, "", node.node)
        return self._fields(dot, (inner, node.names), node, args, final=final)

    def variable(self, dot: Value, node: Variable, args: list[Node], final: Value) -> Value:
        self.at(node)
        value = self._value_of(node.names[0])
        if len(node.names) == 1:
            if args:
                self._no_arguments(args, final)
            return value
        return self._fields(dot, (value, node.names[1:]), node, args, final=final)

    def _value_of(self, name: str) -> Value:
        for known, value in reversed(self._frame.variables):
            if known == name:
                return value
        raise self.error(f"undefined variable: {name}")

    def _fields(
        self,
        dot: Value,
        chain: tuple[Value, tuple[str, ...]],
        node: Node,
        args: list[Node],
        *,
        final: Value,
    ) -> Value:
        """The fields below a value, one after another; the last one gets the arguments."""
        value, names = chain
        for i, name in enumerate(names):
            if value is None:
                return None
            last = (args, final) if i == len(names) - 1 else ([], ABSENT)
            value = self._field(dot, (value, name), node, *last)
        return value

    def _field(
        self, dot: Value, place: tuple[Value, str], node: Node, args: list[Node], final: Value
    ) -> Value:
        """A field, or what a method gives; place: of what, and which."""
        value, name = place
        method = method_of(unboxed(value), name)
        try:
            if method is None:
                return field_of(value, name, has_arguments=len(args) > 1 or final is not ABSENT)
            values = self._arguments.of_function(dot, (name, method), args[1:], final)
            return method.call(*values)
        except FunctionError as error:
            raise self.error(str(error)) from error

    def function(
        self, dot: Value, node: Identifier, place: Node, args: list[Node], *, final: Value
    ) -> Value:
        """What a function gives; place: what an error of the function names."""
        self.at(node)
        function = self._functions[node.name]
        if node.name in ("and", "or") and (len(args) > 1 or final is not ABSENT):
            return self._arguments.until(dot, node.name == "or", args[1:], final)
        values = self._arguments.of_function(dot, (node.name, function), args[1:], final)
        try:
            return self._bounded(function.call(*values))
        except FunctionError as error:
            self._at = place
            raise self.error(f"error calling {node.name}: {error}") from error

    def _bounded(self, value: Value) -> Value:
        """A text that a function made, unless it is longer than all the output may be."""
        if isinstance(value, str) and len(value) > OUTPUT_BYTES_MAX:
            raise FunctionError(f"exceeded the limit of {OUTPUT_BYTES_MAX} bytes of text")
        return value
