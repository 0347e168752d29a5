"""The arguments of functions: evaluated for the types that the function takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.templates.nodes import (
    Bool,
    Chain,
    Dot,
    Field,
    Identifier,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Variable,
)
from rules.templates.signatures import Function
from rules.templates.values import (
    ABSENT,
    ANY,
    REFLECTED,
    RESULT,
    SAMPLE,
    STRING,
    Boxed,
    QueryResult,
    Value,
    is_true,
    type_name,
)

if TYPE_CHECKING:
    from rules.templates.execution import Execution

_ANYTHING = ("", ANY, REFLECTED)
_NIL_ALLOWED = (*_ANYTHING, RESULT, SAMPLE)


class Arguments:
    """The arguments of one execution, which evaluates what they are made of."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def of_function(
        self, dot: Value, function: tuple[str, Function], args: list[Node], final: Value
    ) -> list[Value]:
        """All arguments; final: what comes through the pipeline, the last one."""
        name, signature = function
        has_final = final is not ABSENT
        self._check_count(name, signature, len(args), len(args) + has_final)
        values = [self.evaluate(dot, signature.type_of(i), arg) for i, arg in enumerate(args)]
        if has_final:
            values.append(self._checked(final, signature.type_of(len(args))))
        return values

    def _check_count(self, name: str, function: Function, written: int, count: int) -> None:
        wanted = len(function.parameters)
        if function.is_variadic and count < wanted - 1:
            raise self._execution.error(
                f"wrong number of args for {name}: want at least {wanted - 1} got {written}"
            )
        if not function.is_variadic and count != wanted:
            raise self._execution.error(
                f"wrong number of args for {name}: want {wanted} got {count}"
            )

    def until(self, dot: Value, wanted: bool, args: list[Node], final: Value) -> Value:
        """The first argument that is as true as wanted, else the last; none after it is asked."""
        value: Value = None
        for arg in args:
            value = self.evaluate(dot, REFLECTED, arg)
            if is_true(value) is wanted:
                return value
        return value if final is ABSENT else final

    def evaluate(self, dot: Value, wanted: str, node: Node) -> Value:
        """The value of an argument of the wanted type, "" for any. Raises TemplateError."""
        execution = self._execution
        execution.at(node)
        match node:
            case Dot():
                return self._checked(dot, wanted)
            case Nil():
                if wanted not in _NIL_ALLOWED:
                    raise execution.error(f"cannot assign nil to {wanted}")
                return _nil_of(wanted)
            case Field():
                return self._checked(execution.field(dot, node, [node], ABSENT), wanted)
            case Variable():
                return self._checked(execution.variable(dot, node, [], ABSENT), wanted)
            case Pipe():
                return self._checked(execution.pipe(dot, node), wanted)
            case Identifier():
                value = execution.function(dot, node, node, [node], final=ABSENT)
                return self._checked(value, wanted)
            case Chain():
                return self._checked(execution.chain(dot, node, [], ABSENT), wanted)
        return self._constant(wanted, node)

    def _constant(self, wanted: str, node: Node) -> Value:
        execution = self._execution
        match wanted, node:
            case ("string", String(value=text)):
                return text
            case ("float64", Number(real=real)):
                return real
            case ("bool", Bool(value=flag)):
                return flag
        if wanted in _ANYTHING:
            return execution.constant(node)
        if wanted in (STRING, "float64", "bool"):
            raise execution.error(f"expected {wanted.removesuffix('64')}; found {node}")
        raise execution.error(f"can't handle {node} for arg of type {wanted}")

    def _checked(self, value: Value, wanted: str) -> Value:
        """The value, if it may be passed for the type."""
        if isinstance(value, Boxed) and (value.value is not None or wanted in _ANYTHING):
            value = value.value
        if value is None:
            if wanted not in _NIL_ALLOWED:
                raise self._execution.error(f"invalid value; expected {wanted}")
            return _nil_of(wanted)
        if wanted in _ANYTHING or type_name(value) == wanted:
            return value
        raise self._execution.error(
            f"wrong type for value; expected {wanted}; got {type_name(value)}"
        )


def _nil_of(wanted: str) -> Value:
    return QueryResult() if wanted == RESULT else None
