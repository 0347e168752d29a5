"""The blocks of a bucket for people: which there are, and which of them queries see."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from receiver.stores.bucket.view import BucketView, Described
from storage.labels.matchers import Matcher, text_test

USED, SUPERSEDED, MARKED, PARTIAL, UNREADABLE = (
    "used", "superseded", "marked for deletion", "not whole", "unreadable",
)  # fmt: skip
HOUR_MS = 3_600_000
LATEST_S = 253_402_300_799  # the end of the year 9999
RESOLUTIONS = {0: "raw", 300_000: "5m", 3_600_000: "1h"}


@dataclass(frozen=True, slots=True)
class Line:
    """A block. state: whether queries see it, and why not; numbers are -1 where they are not known;
    times in ms, the last one exclusive; size: of its files, in bytes."""

    ulid: str
    state: str
    start_ms: int = 0
    end_ms: int = 0
    resolution_ms: int = 0
    level: int = -1
    series: int = -1
    samples: int = -1
    chunks: int = -1
    size: int = 0
    source: str = ""
    labels: dict[str, str] | None = None
    problem: str = ""


def lines_of(view: BucketView, matchers: Sequence[Matcher] = ()) -> list[Line]:
    """The blocks whose external labels pass, by time."""
    used = {block.meta.ulid for block in view.blocks}
    found = [line_of(ulid, each, used) for ulid, each in view.described.items()]
    found += [Line(ulid, PARTIAL) for ulid in view.partial]
    tests = [(matcher.name, text_test(matcher)) for matcher in matchers]
    passing = [
        line for line in found
        if all(test((line.labels or {}).get(name, "")) for name, test in tests)
    ]  # fmt: skip
    return sorted(passing, key=lambda line: (line.start_ms, line.ulid))


def line_of(ulid: str, found: Described, used: set[str]) -> Line:
    size, meta, facts = sum(found.sizes.values()), found.meta, found.facts
    if meta is None:
        return Line(ulid, UNREADABLE, size=size, problem=found.problem or "it went away")
    state = USED if ulid in used else MARKED if found.marked_ms else SUPERSEDED
    return Line(
        ulid, state, meta.start_ms, meta.end_ms, meta.resolution_ms, facts.level, facts.series,
        facts.samples, facts.chunks, size, facts.source, meta.labels, found.problem,
    )  # fmt: skip


def documents(lines: Sequence[Line]) -> list[dict[str, object]]:
    """The same as JSON has it."""
    return [asdict(line) for line in lines]


def table(lines: Sequence[Line]) -> Iterator[str]:
    """The same as text, and their sum."""
    yield (
        f"{'BLOCK':26}  {'FROM':20}  {'HOURS':>7}  {'OF':3}  {'LEVEL':>5}  {'SERIES':>9}  "
        f"{'SAMPLES':>12}  {'BYTES':>14}  {'STATE':19}  LABELS"
    )
    for line in lines:
        hours = (line.end_ms - line.start_ms) / HOUR_MS
        labels = ", ".join(f"{k}={v}" for k, v in sorted((line.labels or {}).items()))
        yield (
            f"{line.ulid}  {moment(line.start_ms)}  {hours:7.1f}  "
            f"{RESOLUTIONS.get(line.resolution_ms, '?'):3}  {known(line.level):>5}  "
            f"{known(line.series):>9}  {known(line.samples):>12}  {line.size:14d}  "
            f"{line.state:19}  {labels}{f' ({line.problem})' if line.problem else ''}"
        )
    total = sum(line.size for line in lines)
    yield f"{len(lines)} blocks, {total} bytes"


def known(number: int) -> str:
    return "?" if number < 0 else str(number)


def moment(time_ms: int) -> str:
    seconds = min(max(time_ms // 1000, 0), LATEST_S)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
