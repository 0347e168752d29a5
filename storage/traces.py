"""The trace that a piece of work belongs to, by the `traceparent` header of W3C Trace Context.

    00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    version, the trace's id, the caller's span, and whether the trace is recorded (bit 0)

What is not of this form is no trace, and never an error: tracing must not keep a request out.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

TRACE_HEADER = "traceparent"
SAMPLED = 1

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """id: as 32 hexadecimal digits, empty where there is no trace; is_sampled: whether the caller
    records it, so that there is something to find by its id."""

    id: str = ""
    is_sampled: bool = False

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The labels of an exemplar that leads to the trace; None where it would lead nowhere."""
        return {"trace_id": self.id} if self.is_sampled else None


NO_TRACE = Trace()
# That of the request under way.
TRACE: ContextVar[Trace] = ContextVar("trace", default=NO_TRACE)


def trace_of(headers: Mapping[str, str]) -> Trace:
    """The trace that a request belongs to, by its headers."""
    text = headers.get(TRACE_HEADER)
    match = _FORM.fullmatch(text.strip(" \t")) if text else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return NO_TRACE
    if not match[2].strip("0") or not match[3].strip("0"):
        return NO_TRACE
    return Trace(match[2], bool(int(match[4], 16) & SAMPLED))
