"""What a function of templates takes, by Go's names of types, and what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rules.templates.values import Value

# Of all the text that an expansion writes, and of each text that a function gives.
OUTPUT_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Function:
    """parameters: the types; of a variadic one the last may come any number of times.

    call raises FunctionError with the reason why it cannot.
    """

    parameters: tuple[str, ...]
    call: Callable[..., Value]
    is_variadic: bool = False

    def type_of(self, number: int) -> str:
        """The type of an argument, counted from 0."""
        return self.parameters[min(number, len(self.parameters) - 1)]
