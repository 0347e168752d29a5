"""Metric families as lines of comments describe them, as metadata of remote write.

# TYPE name type        # HELP name text        # UNIT name unit
"""

from dataclasses import dataclass, field

from receiver.wire.messages import message_field, number_field

# As remote write numbers them.
TYPES = {
    "unknown": 0,
    "untyped": 0,
    "counter": 1,
    "gauge": 2,
    "histogram": 3,
    "gaugehistogram": 4,
    "summary": 5,
    "info": 6,
    "stateset": 7,
}
METADATA_FIELD = 3
# Families that are known to be described, so that they are not again, and again.
DESCRIBED_MAX = 100_000


@dataclass(slots=True)
class Family:
    """What is known of a family."""

    kind: int = 0
    help: str = ""
    unit: str = ""


@dataclass(slots=True)
class Families:
    """The families that were described since they were last taken."""

    fresh: dict[str, Family] = field(default_factory=dict)
    described: set[tuple[str, int, str, str]] = field(default_factory=set)

    def read(self, line: str) -> None:
        """Take a line that begins with #; other comments say nothing."""
        mark, _, rest = line[1:].lstrip(" \t").partition(" ")
        if mark not in ("TYPE", "HELP", "UNIT"):
            return
        name, text = split_name(rest.strip(" \t\r"))
        if not name:
            return
        family = self.fresh.setdefault(name, Family())
        if mark == "TYPE":
            family.kind = TYPES.get(text.lower(), 0)
        elif mark == "HELP":
            family.help = unescaped(text)
        else:
            family.unit = text

    def take(self) -> bytes:
        """Fields of a request with what is new of all families read so far."""
        fields = []
        for name, family in self.fresh.items():
            entry = (name, family.kind, family.help, family.unit)
            if entry in self.described:
                continue
            if len(self.described) < DESCRIBED_MAX:
                self.described.add(entry)
            texts = zip((2, 4, 5), (name, family.help, family.unit), strict=True)
            content = number_field(1, family.kind) + b"".join(
                message_field(number, text.encode()) for number, text in texts if text
            )
            fields.append(message_field(METADATA_FIELD, content))
        self.fresh.clear()
        return b"".join(fields)


def split_name(rest: str) -> tuple[str, str]:
    """The name of a family, with or without quotes, and what is behind it."""
    if not rest.startswith('"'):
        name, _, text = rest.partition(" ")
        return name, text.strip(" \t")
    at = 1
    while at < len(rest) and rest[at] != '"':
        at += 2 if rest[at] == "\\" else 1
    return unescaped(rest[1:at]), rest[at + 1 :].strip(" \t")


def unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    out, at = [], 0
    while at < len(text):
        pair = text[at : at + 2]
        escape = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}.get(pair)
        out.append(text[at] if escape is None else escape)
        at += 1 if escape is None else 2
    return "".join(out)
