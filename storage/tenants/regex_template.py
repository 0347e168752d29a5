"""Templates of replacement texts, which regular expressions fill in as Go's do.

Texts may hold bytes that are no UTF-8, as surrogate escapes.
"""

import re

import re2

_ASCII_DIGITS = re.compile(r"[0-9]+\Z")
_NAME = re.compile(r"\w+")
# The number of a group in a template is at most this; anything larger is a name.
_GROUP_MAX = 100_000_000


class Template:
    """A replacement text with references to groups: $1, $name, ${1}, ${name}, and $$ for a dollar.

    A name is as long as it can be: $1x means the group called 1x. What refers to no group, or to
    one that took no part in the match, is empty; a dollar that begins no reference is itself.
    """

    def __init__(self, text: str, regex: "re2._Regexp[bytes]") -> None:
        self._regex = regex
        self._parts: list[bytes | int] = []
        at = 0
        while (dollar := text.find("$", at)) >= 0:
            self._parts.append(_bytes(text[at:dollar]))
            at = self._read_reference(text, dollar + 1)
        self._parts.append(_bytes(text[at:]))

    def __call__(self, source: str) -> str | None:
        """The replacement for `source`, or None if the expression does not match it."""
        match = self._regex.fullmatch(_bytes(source))
        if match is None:
            return None
        pieces = (
            (match.group(part) or b"") if isinstance(part, int) else part for part in self._parts
        )
        return b"".join(pieces).decode("utf-8", "surrogateescape")

    def _read_reference(self, text: str, at: int) -> int:
        """Read what follows the dollar before `at`; returns where the text goes on."""
        if text.startswith("$", at):
            self._parts.append(b"$")
            return at + 1
        braced = text.startswith("{", at)
        name = _NAME.match(text, at + braced)
        if name is None or (braced and not text.startswith("}", name.end())):
            self._parts.append(b"$")
            return at
        group = self._group(name.group())
        if group is not None:
            self._parts.append(group)
        return name.end() + braced

    def _group(self, name: str) -> int | None:
        """The number of the group that a reference means, if there is one."""
        plain = _ASCII_DIGITS.match(name) and (name == "0" or name[0] != "0")
        if plain and len(name) <= 9 and int(name) <= _GROUP_MAX:
            return int(name) if int(name) <= self._regex.groups else None
        number: int | None = self._regex.groupindex.get(_bytes(name))
        return number


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
