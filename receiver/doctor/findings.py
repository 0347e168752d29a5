"""What was found of one thing, and how it is shown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is; the value is the text for people."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of a subject; advice: what to do about it, "" if nothing is to be done."""

    level: Level
    subject: str
    text: str
    advice: str = ""


def ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, advice: str) -> Finding:
    return Finding(Level.WARNING, subject, text, advice)


def failure(subject: str, text: str, advice: str) -> Finding:
    return Finding(Level.FAILURE, subject, text, advice)


def as_text(findings: Sequence[Finding]) -> str:
    """A line for each, and one below it for what to do."""
    lines = []
    for found in findings:
        lines.append(f"{found.level:<8} {found.subject:<14} {found.text}")
        if found.advice:
            lines.append(f"{'':<24}{found.advice}")
    return "\n".join(lines) + "\n"


def as_json(findings: Sequence[Finding]) -> str:
    return json.dumps([asdict(found) for found in findings], indent=2) + "\n"
