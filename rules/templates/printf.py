"""Go's fmt.Sprintf over the values of templates.

Verbs, flags, widths, and what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rules.errors import FunctionError
from rules.templates.printing import plain_operand
from rules.templates.signatures import OUTPUT_BYTES_MAX
from rules.templates.values import Value, type_name
from rules.templates.verbs import Flags, format_value

WIDTH_MAX = 1_000_000  # Go's own; what a text may be long is bounded by who expands it
_WORD = re.compile(r"[0-9]+")
_INDEX = re.compile(r"\[([0-9]+)\]")


def sprintf(layout: str, values: Sequence[Value]) -> str:
    """The formatted text. What is wrong stands in it, as %!d(string=a).

    Raises FunctionError if it is too long.
    """
    return _Formatter(layout, values).run()


@dataclass(slots=True)
class _Formatter:
    """One call. `at`: the next character; `next`: the next value."""

    layout: str
    values: Sequence[Value]
    at: int = 0
    next: int = 0
    reordered: bool = False
    good_index: bool = True
    after_index: bool = False

    def run(self) -> str:
        parts: list[str] = []
        was_reordered, length = False, 0
        while self.at < len(self.layout):
            percent = self.layout.find("%", self.at)
            end = len(self.layout) if percent < 0 else percent
            parts.append(self.layout[self.at : end])
            if percent < 0:
                break
            self.at = percent + 1
            parts.append(self._directive())
            length += len(parts[-1])
            if length > OUTPUT_BYTES_MAX:
                raise FunctionError(f"exceeded the limit of {OUTPUT_BYTES_MAX} bytes of text")
            was_reordered |= self.reordered
        if not was_reordered and self.next < len(self.values):
            extra = ", ".join(_with_type(value) for value in self.values[self.next :])
            parts.append(f"%!(EXTRA {extra})")
        return "".join(parts)

    def _directive(self) -> str:
        self.good_index, self.reordered, self.after_index = True, False, False
        flags, wrong = Flags(), ""
        while (char := self.layout[self.at : self.at + 1]) and flags.take(char):
            self.at += 1
        self._index()
        wrong += self._width(flags)
        wrong += self._precision(flags)
        if not self.after_index:
            self._index()
        if self.at >= len(self.layout):
            return f"{wrong}%!(NOVERB)"
        verb = self.layout[self.at]
        self.at += 1
        return wrong + self._verb(verb, flags)

    def _verb(self, verb: str, flags: Flags) -> str:
        if verb == "%":
            return "%"
        if not self.good_index:
            return f"%!{verb}(BADINDEX)"
        if self.next >= len(self.values):
            return f"%!{verb}(MISSING)"
        value = self.values[self.next]
        self.next += 1
        return format_value(value, verb, flags)

    def _index(self) -> None:
        """An explicit number of the value, such as [2]."""
        if not self.layout.startswith("[", self.at):
            return
        self.reordered = True
        found = _INDEX.match(self.layout, self.at)
        closing = self.layout.find("]", self.at)
        self.at = closing + 1 if closing >= 0 else self.at + 1
        number = int(found[1]) - 1 if found and len(found[1]) < 7 else -1
        if 0 <= number < len(self.values):
            self.next, self.after_index = number, True
        else:
            self.good_index = False

    def _width(self, flags: Flags) -> str:
        if self.layout.startswith("*", self.at):
            self.at += 1
            number = self._number_of_value()
            if number is None:
                return "%!(BADWIDTH)"
            flags.width = abs(number)
            if number < 0:
                flags.minus, flags.zero = True, False
            self.after_index = False
            return ""
        number = self._number()
        if number is not None:
            flags.width = number
            if self.after_index:
                self.good_index = False
        return ""

    def _precision(self, flags: Flags) -> str:
        if not self.layout.startswith(".", self.at):
            return ""
        self.at += 1
        if self.after_index:
            self.good_index = False
        self._index()
        if self.layout.startswith("*", self.at):
            self.at += 1
            number = self._number_of_value()
            self.after_index = False
            if number is None or number < 0:
                return "%!(BADPREC)"
            flags.precision = number
            return ""
        number = self._number()
        flags.precision = 0 if number is None else number
        return ""

    def _number(self) -> int | None:
        found = _WORD.match(self.layout, self.at)
        if found is None:
            return None
        self.at = found.end()
        number = int(found[0]) if len(found[0]) < 8 else WIDTH_MAX + 1
        return number if number <= WIDTH_MAX else None

    def _number_of_value(self) -> int | None:
        if self.next >= len(self.values):
            return None
        value = self.values[self.next]
        self.next += 1
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return int(value) if is_number and abs(value) <= WIDTH_MAX else None


def _with_type(value: Value) -> str:
    """An operand that no verb asked for."""
    return "<nil>" if value is None else f"{type_name(value)}={plain_operand(value)}"
