"""The texts of labels and annotations of an alert, expanded.

A text that fails does not end the alert: what is wrong becomes its value, and is reported apart.
Parsed texts are kept, because each alert of each evaluation expands them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rules.errors import TemplateError
from rules.templates.execution import Execution
from rules.templates.functions import FUNCTION_NAMES, Surroundings, functions_of
from rules.templates.parser import Template, parse
from rules.templates.values import Data

PREFIX: Final = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
    "{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)
PARSED_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Expanded:
    """text: the value; error: what went wrong, "" if nothing did."""

    text: str
    error: str = ""


def template_name(alert: str) -> str:
    """The name of the templates of an alert, as errors show it."""
    return f"__alert_{alert}"


@lru_cache(PARSED_MAX)
def _parse(name: str, text: str) -> Template:
    return parse(name, PREFIX + text, FUNCTION_NAMES)


def check(alert: str, text: str) -> None:
    """Raises TemplateError if a text of an alert is no template."""
    _parse(template_name(alert), text)


class Expander:
    """Expands the texts of one alert at one time."""

    def __init__(self, alert: str, data: Data, around: Surroundings) -> None:
        self._name = template_name(alert)
        self._data = data
        self._functions = functions_of(around)

    def expand(self, text: str) -> Expanded:
        """The text; of one that fails, what is wrong between angle brackets."""
        if "{{" not in text:
            return Expanded(text)
        try:
            return Expanded(self.expand_or_fail(text))
        except TemplateError as error:
            return Expanded(f"<error expanding template: {error}>", str(error))

    def expand_or_fail(self, text: str) -> str:
        """Raises TemplateError."""
        try:
            template = _parse(self._name, text)
        except TemplateError as error:
            raise TemplateError(f"error parsing template {self._name}: {error}") from error
        try:
            return Execution(template, self._functions).run(self._data)
        except TemplateError as error:
            raise TemplateError(f"error executing template {self._name}: {error}") from error
