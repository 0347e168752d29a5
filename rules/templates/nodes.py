"""The nodes of a parsed template. str() is how Go's error texts show a node.

Positions are offsets of characters into the text of the template. Nothing is changed after parsing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from api.promql.go_format import quote


@dataclass(slots=True, eq=False)
class Node:
    """Base of all nodes."""

    position: int


@dataclass(slots=True, eq=False)
class Text(Node):
    text: str


@dataclass(slots=True, eq=False)
class Dot(Node):
    def __str__(self) -> str:
        return "."


@dataclass(slots=True, eq=False)
class Nil(Node):
    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True, eq=False)
class Bool(Node):
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class String(Node):
    value: str
    quoted: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True, eq=False)
class Number(Node):
    """integer, real: the value as an int and as a float, None where it is none."""

    text: str
    integer: int | None
    real: float
    is_real: bool  # written as a float

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class Identifier(Node):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Field(Node):
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(slots=True, eq=False)
class Variable(Node):
    """names: the variable with its dollar sign, then the fields below it."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True, eq=False)
class Chain(Node):
    """Fields of what stands in parentheses or is a function without arguments."""

    node: Node
    names: tuple[str, ...]

    def __str__(self) -> str:
        inner = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(slots=True, eq=False)
class Command(Node):
    args: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({arg})" if isinstance(arg, Pipe) else str(arg) for arg in self.args)


@dataclass(slots=True, eq=False)
class Pipe(Node):
    """declared: the variables that it sets; is_assignment: they exist already."""

    declared: list[Variable] = field(default_factory=list)
    is_assignment: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.declared))
        sign = " = " if self.is_assignment else " := "
        return (f"{names}{sign}" if names else "") + " | ".join(map(str, self.commands))


@dataclass(slots=True, eq=False)
class Action(Node):
    pipe: Pipe


@dataclass(slots=True, eq=False)
class Branch(Node):
    """kind: if, with or range."""

    kind: str
    pipe: Pipe
    body: List
    otherwise: List | None


@dataclass(slots=True, eq=False)
class Jump(Node):
    """kind: break or continue."""

    kind: str


@dataclass(slots=True, eq=False)
class Call(Node):
    """{{template "name" pipe}}, or the place of a block."""

    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        pipe = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quote(self.name)}{pipe}}}}}"


@dataclass(slots=True, eq=False)
class Mark(Node):
    """What ends a list: kind is end or else."""

    kind: str

    def __str__(self) -> str:
        return f"{{{{{self.kind}}}}}"


@dataclass(slots=True, eq=False)
class List(Node):
    nodes: list[Node] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether it is of nothing but space."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.nodes)
