"""Profiles in the forms that tools read: pprof's protobuf, speedscope's JSON, and folded stacks.

pprof's message, fields by number (profile.proto of google/pprof):

    Profile    sample_type=1, sample=2, location=4, function=5, string_table=6, time_nanos=9,
               duration_nanos=10, period_type=11, period=12
    ValueType  type=1, unit=2           (numbers in the string table)
    Sample     location_id=1, value=2   (packed; the innermost call first)
    Location   id=1, line=4             Line: function_id=1, line=2
    Function   id=1, name=2, system_name=3, filename=4, start_line=5
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from types import CodeType
from typing import Generic, TypeVar

from receiver.profiling.sampling import Profile

WALL, PROCESSOR = "wall", "cpu"
SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def folded(profile: Profile) -> bytes:
    """One line for each stack: its calls, the outermost first, and its processor time in
    microseconds. Stacks that took none are left out."""
    sums: dict[str, int] = defaultdict(int)
    for stack, weight in profile.stacks.items():
        sums[";".join(name_of(code) for code, _ in stack)] += weight.processor_ns
    lines = sorted(f"{calls} {ns // 1000}\n" for calls, ns in sums.items() if ns >= 1000)
    return "".join(lines).encode()


def speedscope(profile: Profile) -> bytes:
    """Two profiles, of processor time and of time by the clock, both in seconds."""
    numbers: dict[Hashable, int] = {}
    frames: list[dict[str, object]] = []
    stacks = []
    for stack in profile.stacks:
        for code, line in stack:
            if numbers.setdefault((code, line), len(numbers)) == len(frames):
                frames.append({"name": name_of(code), "file": code.co_filename, "line": line})
        stacks.append([numbers[call] for call in stack])
    weights = list(profile.stacks.values())
    interval_s = profile.interval_ns / 1e9
    columns = {
        "processor time": [weight.processor_ns / 1e9 for weight in weights],
        "time by the clock": [weight.looks * interval_s for weight in weights],
    }
    profiles = [
        {
            "type": "sampled", "name": name, "unit": "seconds", "startValue": 0,
            "endValue": sum(column), "samples": stacks, "weights": column,
        }
        for name, column in columns.items()
    ]  # fmt: skip
    document = {
        "$schema": SCHEMA, "name": "cupola", "exporter": "cupola", "activeProfileIndex": 0,
        "shared": {"frames": frames}, "profiles": profiles,
    }  # fmt: skip
    return json.dumps(document).encode()


def pprof(profile: Profile) -> bytes:
    """pprof's message, compressed as its tools expect it."""
    texts, functions = Numbered[str](first=0), Numbered[CodeType]()
    locations = Numbered[tuple[CodeType, int]]()
    texts.of("")
    about = bytearray()
    for name in (WALL, PROCESSOR):
        about += message(1, value_type(texts, name))
    for stack, weight in profile.stacks.items():
        places = [locations.of(call) for call in reversed(stack)]
        values = [weight.looks * profile.interval_ns, weight.processor_ns]
        about += message(2, packed(1, places) + packed(2, values))
    for call, number in locations.items():
        code, line = call
        where = integer(1, functions.of(code)) + integer(2, line)
        about += message(4, integer(1, number) + message(4, where))
    for code, number in functions.items():
        about += message(5, function(texts, code, number))
    about += message(11, value_type(texts, WALL))
    for text, _ in texts.items():
        about += message(6, text.encode("utf-8", "replace"))
    about += integer(9, profile.started_ns) + integer(10, round(profile.seconds * 1e9))
    about += integer(12, profile.interval_ns)
    return gzip.compress(bytes(about), 6)


Thing = TypeVar("Thing", bound=Hashable)


class Numbered(Generic[Thing]):
    """Numbers of things, in the order in which they were asked for."""

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._numbers: dict[Thing, int] = {}

    def of(self, thing: Thing) -> int:
        return self._numbers.setdefault(thing, len(self._numbers) + self._first)

    def items(self) -> list[tuple[Thing, int]]:
        return list(self._numbers.items())


def value_type(texts: Numbered[str], name: str) -> bytes:
    return integer(1, texts.of(name)) + integer(2, texts.of("nanoseconds"))


def function(texts: Numbered[str], code: CodeType, number: int) -> bytes:
    name = texts.of(name_of(code))
    file = texts.of(code.co_filename)
    line = integer(5, code.co_firstlineno)
    return integer(1, number) + integer(2, name) + integer(3, name) + integer(4, file) + line


def name_of(code: CodeType) -> str:
    """The function with its module's place, as profiles show it."""
    path = code.co_filename.removesuffix(".py").replace("\\", "/").split("/")
    return f"{'/'.join(path[-2:])}:{code.co_qualname}".replace(";", ",").replace("\n", " ")


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def integer(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def packed(field: int, numbers: Iterable[int]) -> bytes:
    return message(field, b"".join(map(varint, numbers)))


# By the name in the request: what makes it, and its content type.
FORMS: dict[str, tuple[Callable[[Profile], bytes], str]] = {
    "pprof": (pprof, "application/octet-stream"),
    "speedscope": (speedscope, "application/json"),
    "folded": (folded, "text/plain; charset=utf-8"),
}
