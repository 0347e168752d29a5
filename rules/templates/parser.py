"""The parser: text to the trees of its templates, by name.

Only the first error is reported, in Go's words. Nesting is bounded, so that what is parsed can be
walked by recursion; so is the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from api.promql.go_format import quote
from rules.errors import TemplateError
from rules.templates.lexer import KEYWORDS
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
    Mark,
    Nil,
    Node,
    Number,
    Pipe,
    String,
    Text,
    Variable,
)
from rules.templates.numbers import parse_character, parse_number, parse_string
from rules.templates.tokens import Tokens

NESTING_MAX = 50
TEXT_CHARS_MAX = 1 << 20
_OPERANDS = frozenset(
    ["bool", "character", "dot", "field", "identifier", "number", "nil", "string", "variable", "("],
)
_LITERALS = (Bool, String, Number, Nil, Dot)
_NO_COMMANDS = (Bool, Dot, Nil, Number, String)


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: `trees` by name; `name` is that of the text itself."""

    name: str
    source: str
    trees: dict[str, List]


@dataclass(slots=True)
class _Scope:
    """One template that is being parsed: what variables there are, and how many ranges are open."""

    variables: list[str] = field(default_factory=lambda: ["$"])
    ranges: int = 0


def parse(name: str, source: str, functions: Collection[str]) -> Template:
    """The templates of a text. Raises TemplateError."""
    if len(source) > TEXT_CHARS_MAX:
        raise TemplateError(
            f"template: {name}:1: text of {len(source)} characters is longer than {TEXT_CHARS_MAX}"
        )
    parser = _Parser(Tokens(name, source), functions)
    root = parser.parse()
    parser.define(name, root)
    return Template(name, source, parser.trees)


class _Parser:
    """One parse. `_scope` is that of the innermost definition."""

    def __init__(self, tokens: Tokens, functions: Collection[str]) -> None:
        self._tokens = tokens
        self._functions = functions
        self._scope = _Scope()
        self._depth = 0
        self.trees: dict[str, List] = {}

    def parse(self) -> List:
        tokens = self._tokens
        root = List(tokens.peek().position)
        while tokens.peek().kind != "eof":
            if tokens.peek().kind == "{{":
                delimiter = tokens.next()
                if tokens.next_word().kind == "define":
                    self._definition()
                    continue
                tokens.back_to(delimiter)
            node = self._text_or_action()
            if isinstance(node, Mark):
                raise tokens.error(f"unexpected {node}")
            root.nodes.append(node)
        return root

    def define(self, name: str, tree: List) -> None:
        """Of a template that is defined twice, one must be empty."""
        known = self.trees.get(name)
        if known is None or known.is_empty:
            self.trees[name] = tree
        elif not tree.is_empty:
            raise self._tokens.error(f"template: multiple definition of template {quote(name)}")

    def _definition(self) -> None:
        context = "define clause"
        token = self._tokens.next_word()
        if token.kind != "string":
            raise self._tokens.unexpected(token, context)
        name = self._string(token.text)
        self._expect_end(context)
        self.define(name, self._body_of(context))

    def _body_of(self, context: str) -> List:
        """The list of a definition or block, up to its end, in a scope of its own."""
        outer, self._scope = self._scope, _Scope()
        body, end = self._list()
        self._scope = outer
        if end.kind != "end":
            raise self._tokens.error(f"unexpected {end} in {context}")
        return body

    def _string(self, text: str) -> str:
        try:
            return parse_string(text)
        except ValueError as error:
            raise self._tokens.error(str(error)) from error

    def _expect_end(self, context: str) -> int:
        token = self._tokens.next_word()
        if token.kind != "}}":
            raise self._tokens.unexpected(token, context)
        return token.position

    def _list(self) -> tuple[List, Mark]:
        tokens = self._tokens
        self._enter()
        nodes = List(tokens.peek_word().position)
        while tokens.peek_word().kind != "eof":
            node = self._text_or_action()
            if isinstance(node, Mark):
                self._depth -= 1
                return nodes, node
            nodes.nodes.append(node)
        raise tokens.error("unexpected EOF")

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise self._tokens.error(f"nested more than {NESTING_MAX} levels deep")

    def _text_or_action(self) -> Node:
        tokens = self._tokens
        token = tokens.next_word()
        if token.kind == "text":
            return Text(token.position, token.text)
        if token.kind != "{{":
            raise tokens.unexpected(token, "input")
        tokens.action_line = token.line
        try:
            return self._action()
        finally:
            tokens.action_line = 0

    def _action(self) -> Node:
        token = self._tokens.next_word()
        controls: dict[str, Callable[[int], Node]] = {
            "block": self._block,
            "break": lambda at: self._jump("break", at),
            "continue": lambda at: self._jump("continue", at),
            "else": self._else,
            "end": lambda at: Mark(self._expect_end("end"), "end"),
            "if": lambda at: self._branch("if"),
            "range": lambda at: self._branch("range"),
            "template": self._call,
            "with": lambda at: self._branch("with"),
        }
        if token.kind in KEYWORDS and token.kind in controls:
            return controls[token.kind](token.position)
        self._tokens.back()
        position = self._tokens.peek().position
        return Action(position, self._pipe("command", "}}"))

    def _jump(self, kind: str, position: int) -> Jump:
        context = f"{{{{{kind}}}}}"
        self._expect_end(context)
        if not self._scope.ranges:
            raise self._tokens.error(f"{context} outside {{{{range}}}}")
        return Jump(position, kind)

    def _else(self, position: int) -> Mark:
        following = self._tokens.peek_word()
        if following.kind in ("if", "with"):
            return Mark(following.position, "else")
        return Mark(self._expect_end("else"), "else")

    def _branch(self, kind: str) -> Branch:
        known = len(self._scope.variables)
        pipe = self._pipe(kind, "}}")
        self._scope.ranges += kind == "range"
        body, mark = self._list()
        self._scope.ranges -= kind == "range"
        otherwise = None if mark.kind == "end" else self._otherwise(kind, mark)
        del self._scope.variables[known:]
        return Branch(pipe.position, kind, pipe, body, otherwise)

    def _otherwise(self, kind: str, mark: Mark) -> List:
        """What follows {{else}}; of `else if` and `else with` the end is that of the chain."""
        if kind != "range" and self._tokens.peek().kind == kind:
            self._tokens.next()
            self._enter()
            chained = self._branch(kind)
            self._depth -= 1
            return List(mark.position, [chained])
        otherwise, end = self._list()
        if end.kind != "end":
            raise self._tokens.error(f"expected end; found {end}")
        return otherwise

    def _template_name(self, context: str) -> tuple[str, int]:
        token = self._tokens.next_word()
        if token.kind != "string":
            raise self._tokens.unexpected(token, context)
        return self._string(token.text), token.position

    def _block(self, _: int) -> Call:
        context = "block clause"
        name, position = self._template_name(context)
        pipe = self._pipe(context, "}}")
        self.define(name, self._body_of(context))
        return Call(position, name, pipe)

    def _call(self, _: int) -> Call:
        context = "template clause"
        name, position = self._template_name(context)
        pipe = None
        if self._tokens.next_word().kind != "}}":
            self._tokens.back()
            pipe = self._pipe(context, "}}")
        return Call(position, name, pipe)

    # Pipelines

    def _pipe(self, context: str, end: str) -> Pipe:
        tokens = self._tokens
        self._enter()
        pipe = Pipe(tokens.peek_word().position)
        self._declarations(pipe, context)
        while (token := tokens.next_word()).kind != end:
            if token.kind not in _OPERANDS:
                raise tokens.unexpected(token, context)
            tokens.back()
            pipe.commands.append(self._command())
        self._check(pipe, context)
        self._depth -= 1
        return pipe

    def _declarations(self, pipe: Pipe, context: str) -> None:
        tokens = self._tokens
        while (variable := tokens.peek_word()).kind == "variable":
            tokens.next()
            after = tokens.peek()
            following = tokens.peek_word()
            is_list = following.kind == "char" and following.text == ","
            if following.kind not in ("assign", "declare") and not is_list:
                if after.kind == "space":
                    tokens.back_to(variable, after)
                else:
                    tokens.back_to(variable)
                return
            tokens.next_word()
            pipe.declared.append(Variable(variable.position, tuple(variable.text.split("."))))
            self._scope.variables.append(variable.text)
            if not is_list:
                pipe.is_assignment = following.kind == "assign"
                return
            self._check_list(pipe, context)

    def _check_list(self, pipe: Pipe, context: str) -> None:
        """What may follow the comma after a variable."""
        if context != "range" or len(pipe.declared) > 1:
            raise self._tokens.error(f"too many declarations in {context}")
        if self._tokens.peek_word().kind not in ("variable", "}}", ")"):
            raise self._tokens.error("range can only initialize variables")

    def _check(self, pipe: Pipe, context: str) -> None:
        if not pipe.commands:
            raise self._tokens.error(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.args[0], _NO_COMMANDS):
                raise self._tokens.error(f"non executable command in pipeline stage {stage}")

    def _command(self) -> Command:
        tokens = self._tokens
        command = Command(tokens.peek_word().position)
        while True:
            tokens.peek_word()
            operand = self._operand()
            if operand is not None:
                command.args.append(operand)
            token = tokens.next()
            if token.kind in ("}}", ")"):
                tokens.back()
                break
            if token.kind == "pipe":
                break
            if token.kind != "space":
                raise tokens.unexpected(token, "operand")
        if not command.args:
            raise tokens.error("empty command")
        return command

    def _operand(self) -> Node | None:
        """A term and the fields behind it; None if no term follows."""
        node = self._term()
        if node is None or self._tokens.peek().kind != "field":
            return node
        position, names = self._tokens.peek().position, []
        while self._tokens.peek().kind == "field":
            names.append(self._tokens.next().text[1:])
        if isinstance(node, Field):
            return Field(position, (*node.names, *names))
        if isinstance(node, Variable):
            return Variable(position, (*node.names, *names))
        if isinstance(node, _LITERALS):
            raise self._tokens.error(f"unexpected . after term {quote(str(node))}")
        return Chain(position, node, tuple(names))

    def _term(self) -> Node | None:
        token = self._tokens.next_word()
        position, text = token.position, token.text
        match token.kind:
            case "identifier":
                if text not in self._functions:
                    raise self._tokens.error(f"function {quote(text)} not defined")
                return Identifier(position, text)
            case "dot":
                return Dot(position)
            case "nil":
                return Nil(position)
            case "variable":
                if text not in self._scope.variables:
                    raise self._tokens.error(f"undefined variable {quote(text)}")
                return Variable(position, (text,))
            case "field":
                return Field(position, (text[1:],))
            case "bool":
                return Bool(position, text == "true")
            case "number" | "character":
                return self._number(token.kind, text, position)
            case "(":
                return self._pipe("parenthesized pipeline", ")")
            case "string":
                return String(position, self._string(text), text)
        self._tokens.back()
        return None

    def _number(self, kind: str, text: str, position: int) -> Number:
        parse_constant = parse_number if kind == "number" else parse_character
        try:
            return parse_constant(text, position)
        except ValueError as error:
            raise self._tokens.error(str(error)) from error
