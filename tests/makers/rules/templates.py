"""Templates, and what becomes of them: one table for the unit tests and for Debian's promtool.

The labels, the value and the samples that they are expanded with are those of `expander`.
"""

from dataclasses import dataclass
from pathlib import Path

from rules.errors import FunctionError
from rules.templates.expander import Expander
from rules.templates.functions import Surroundings
from rules.templates.values import Data, QueryResult, Sample, StringMap

TABLE = Path(__file__).parents[2] / "rules" / "templates" / "testdata" / "templates.txt"
NEWER = "3.14 "
LABELS = StringMap(__name__="up", a="b", instance="h:1")
URL = "http://x.y/z"


@dataclass(frozen=True)
class Case:
    """kind: = text, ! failure, ? no template; is_newer: Debian's promtool differs."""

    template: str
    kind: str
    result: str
    is_newer: bool

    @property
    def text(self) -> str:
        """What the template is expanded to."""
        if self.kind == "=":
            return self.result
        column, _, reason = self.result.partition(" ")
        place = f'template: __alert_A:1:{column}: executing "__alert_A" at {reason}'
        return f"<error expanding template: error executing template __alert_A: {place}>"


def cases() -> list[Case]:
    found: list[Case] = []
    template = ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("    "):
            rest = line[4:].replace("⏎", "\n")
            is_newer = rest.startswith(NEWER)
            rest = rest.removeprefix(NEWER)
            found.append(Case(template, rest[0], rest[2:], is_newer))
        elif not line.startswith("#"):
            template = line
    return found


def samples_of(expression: str) -> QueryResult:
    """What a query gives in the scene."""
    if expression == "sum(":
        raise FunctionError("1:5: parse error: unclosed left parenthesis")
    if expression == "none":
        return QueryResult()
    two = Sample(StringMap(__name__="m", a="2"), 2.0)
    return QueryResult([two, Sample(StringMap(__name__="m", a="1"), 1.5)])


def expander() -> Expander:
    """Of alert A in the scene, at one minute."""
    data = Data(LABELS, StringMap(x="L"), URL, 1.0)
    return Expander("A", data, Surroundings(samples_of, 60_000, URL))
